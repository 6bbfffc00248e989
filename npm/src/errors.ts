/**
 * What went wrong. `conflict`, `invalid` and `not_found` are about the call; `unauthorized` is about the
 * secret; `unavailable` may be repeated later; `setup`, `unreadable` and the others are for an operator.
 * `network`: no answer came. `protocol`: what answered is not an authstore service of this version.
 */
export type ErrorKind =
  | "canceled" | "closed" | "conflict" | "deadline_exceeded" | "expired" | "invalid" | "malformed" | "not_found" | "setup"
  | "too_large" | "unauthorized" | "unavailable" | "unexpected" | "unknown_method" | "unreadable" | "unsupported"
  | "network" | "protocol";

/** Every error of the adapter. Its message has no token, no address and no secret. */
export class AuthStoreError extends Error {
  override readonly name = "AuthStoreError";
  constructor(
    readonly kind: ErrorKind,
    /** The method that was called. */
    readonly method: string,
    message: string,
    /** The status of the answer, 0 if there was none. */
    readonly status = 0,
    /** Of a conflict or an invalid argument: `User.Email`, `Account.ProviderAccountID`, … */
    readonly field: string | null = null,
    options?: ErrorOptions,
  ) {
    super(`authstore: ${method}: ${message}`, options);
  }
}
