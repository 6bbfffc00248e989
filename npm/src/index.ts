import { connect, type AuthStoreOptions } from "./client.js";
import { SignIns } from "./signup.js";
import type { AuthStoreAdapter, User } from "./types.js";

export type { AuthStoreOptions } from "./client.js";
export { AuthStoreError, type ErrorKind } from "./errors.js";
export type { Account, Authenticator, AuthStoreAdapter, Session, User, VerificationToken } from "./types.js";

/**
 * AuthStore returns an adapter for Auth.js on an authstore service.
 *
 * ```ts
 * NextAuth({ adapter: AuthStore({ url: "https://authstore.internal", secret: process.env.AUTHSTORE_SECRET }), providers: [...] })
 * ```
 *
 * What is not there is null. Everything else that goes wrong throws an AuthStoreError, so that a service that is away
 * signs nobody out.
 */
export function AuthStore(options: AuthStoreOptions): AuthStoreAdapter {
  const call = connect(options);
  const signIns = new SignIns();

  /** stored makes sure that a user is stored who was held back, before something else is done with them. */
  const stored = async (id: unknown): Promise<void> => {
    const user = signIns.release(id);
    if (user) await call("signUp", user, null);
  };

  // Auth.js takes the adapter's own enumerable properties.
  return {
    async createUser(user) {
      if (signIns.isVerified(user)) return call("createVerifiedUser", user);
      if (!signIns.isFirst(user)) return call("createUser", user);
      const made: User = await call("newUser", user);
      signIns.hold(made);
      return { ...made };
    },
    async getUser(id) {
      await stored(id);
      return call("getUser", id);
    },
    async getUserByEmail(email) {
      const user = await call("getUserByEmail", email);
      if (!user) signIns.addressUnknown(email);
      return user;
    },
    async getUserByAccount({ provider, providerAccountId }) {
      const user = await call("getUserByAccount", { provider, providerAccountId });
      if (!user) signIns.accountUnknown();
      return user;
    },
    async updateUser(user) {
      await stored(user.id);
      return call("updateUser", user);
    },
    async deleteUser(id) {
      signIns.release(id);
      return call("deleteUser", id);
    },
    async linkAccount(account) {
      const user = signIns.release(account.userId);
      if (!user) return call("linkAccount", account);
      await call("signUp", user, account);
      return account;
    },
    async unlinkAccount({ provider, providerAccountId }) {
      await call("unlinkAccount", { provider, providerAccountId });
      return undefined;
    },
    getAccount: (providerAccountId, provider) => call("getAccount", providerAccountId, provider),
    async createSession(session) {
      await stored(session.userId);
      return call("createSession", session);
    },
    getSessionAndUser: (sessionToken) => call("getSessionAndUser", sessionToken),
    updateSession: (session) => call("updateSession", session),
    deleteSession: (sessionToken) => call("deleteSession", sessionToken),
    createVerificationToken: (token) => call("createVerificationToken", token),
    async useVerificationToken({ identifier, token }) {
      if (!identifier) return null; // Auth.js hands in undefined for a link without an address
      const used = await call("useVerificationToken", { identifier, token });
      if (used) signIns.linkUsed(identifier);
      return used;
    },
    async createAuthenticator(authenticator) {
      await stored(authenticator.userId);
      return call("createAuthenticator", authenticator);
    },
    getAuthenticator: (credentialID) => call("getAuthenticator", credentialID),
    async listAuthenticatorsByUserId(userId) {
      await stored(userId);
      return call("listAuthenticatorsByUserId", userId);
    },
    updateAuthenticatorCounter: (credentialID, newCounter) => call("updateAuthenticatorCounter", credentialID, newCounter),
  };
}
