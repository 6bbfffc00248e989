import type { User } from "./types.js";

const minute = 60_000;

/** What was seen in the last minute, a thousand things at most. */
export class Recent<T> {
  readonly #seen = new Map<string, { value: T; until: number }>();

  set(name: string, value: T): void {
    this.#seen.delete(name);
    this.#seen.set(name, { value, until: Date.now() + minute });
    for (const [oldest, { until }] of this.#seen) {
      if (until > Date.now() && this.#seen.size <= 1000) break;
      this.#seen.delete(oldest);
    }
  }

  get(name: string): T | undefined {
    const seen = this.#seen.get(name);
    return seen && seen.until > Date.now() ? seen.value : undefined;
  }

  /** take returns what was seen, and forgets it. */
  take(name: string): T | undefined {
    const value = this.get(name);
    this.#seen.delete(name);
    return value;
  }
}

/** addressOf returns the form in which addresses are compared here. */
export const addressOf = (email: unknown): string => (typeof email === "string" ? email.trim().toLowerCase() : "");

/**
 * What a sign-in has called so far. From it one sees what a createUser of Auth.js is part of:
 *
 * - After a link was used (useVerificationToken), it makes the user of an address that has just been verified.
 * - After an account and an address that nobody has (getUserByAccount, getUserByEmail), it makes the user of a
 *   first sign-in by a provider. linkAccount comes next, and cut between the two the person would be locked out:
 *   the user is held back until then.
 *
 * Any other createUser is nothing but that.
 */
export class SignIns {
  readonly #used = new Recent<true>();
  readonly #unknown = new Recent<true>();
  readonly #held = new Recent<User>();
  #unlinked = 0;

  linkUsed(identifier: unknown): void {
    this.#used.set(addressOf(identifier), true);
  }

  accountUnknown(): void {
    this.#unlinked = Date.now();
  }

  addressUnknown(email: unknown): void {
    if (Date.now() - this.#unlinked < minute) this.#unknown.set(addressOf(email), true);
  }

  /** isVerified reports whether a new user's address was verified by a link. */
  isVerified(user: Partial<User>): boolean {
    return !!user.email && user.emailVerified != null && this.#used.get(addressOf(user.email)) === true;
  }

  /** isFirst reports whether a new user is one whose account will be linked next. */
  isFirst(user: Partial<User>): boolean {
    return !!user.email && user.emailVerified == null && this.#unknown.get(addressOf(user.email)) === true;
  }

  hold(user: User): void {
    this.#held.set(user.id, user);
  }

  /** release returns the user with an ID who was held back, if there is one. */
  release(id: unknown): User | undefined {
    return typeof id === "string" ? this.#held.take(id) : undefined;
  }
}
