// The records of Auth.js, as its adapters have them (@auth/core/adapters), and the adapter.

export interface User {
  id: string;
  name?: string | null;
  email: string;
  emailVerified: Date | null;
  image?: string | null;
}

export interface Account {
  userId: string;
  type: "oauth" | "oidc" | "email" | "webauthn";
  provider: string;
  providerAccountId: string;
  [property: string]: any;
}

export interface Session {
  sessionToken: string;
  userId: string;
  expires: Date;
}

export interface VerificationToken {
  identifier: string;
  token: string;
  expires: Date;
}

export interface Authenticator {
  credentialID: string;
  userId: string;
  providerAccountId: string;
  credentialPublicKey: string;
  counter: number;
  credentialDeviceType: string;
  credentialBackedUp: boolean;
  transports?: string | null;
}

/** An adapter of Auth.js (NextAuth.js) with all of its methods. */
export interface AuthStoreAdapter {
  createUser(user: User): Promise<User>;
  getUser(id: string): Promise<User | null>;
  getUserByEmail(email: string): Promise<User | null>;
  getUserByAccount(account: Pick<Account, "provider" | "providerAccountId">): Promise<User | null>;
  updateUser(user: Partial<User> & Pick<User, "id">): Promise<User>;
  deleteUser(userId: string): Promise<null>;
  linkAccount(account: any): Promise<any>;
  unlinkAccount(account: Pick<Account, "provider" | "providerAccountId">): Promise<undefined>;
  getAccount(providerAccountId: string, provider: string): Promise<any>;
  createSession(session: Session): Promise<Session>;
  getSessionAndUser(sessionToken: string): Promise<{ session: Session; user: User } | null>;
  updateSession(session: Partial<Session> & Pick<Session, "sessionToken">): Promise<Session | null>;
  deleteSession(sessionToken: string): Promise<Session | null>;
  createVerificationToken(token: VerificationToken): Promise<VerificationToken>;
  useVerificationToken(token: { identifier: string; token: string }): Promise<VerificationToken | null>;
  createAuthenticator(authenticator: Authenticator): Promise<Authenticator>;
  getAuthenticator(credentialID: string): Promise<Authenticator | null>;
  listAuthenticatorsByUserId(userId: string): Promise<Authenticator[]>;
  updateAuthenticatorCounter(credentialID: string, newCounter: number): Promise<Authenticator>;
}
