import { AuthStoreError, type ErrorKind } from "./errors.js";
import { decode, encode } from "./values.js";

export interface AuthStoreOptions {
  /** Where the service is: `https://authstore.internal`. */
  url: string | URL;
  /** A secret of the service. Only a service on this machine, for development, needs none. */
  secret?: string;
  /** Sign requests with the secret instead of sending it, and take only answers that are signed, as the service is set up. */
  signed?: boolean;
  /** How long each attempt may take, in milliseconds. Longer than the service's own limit, which is 8 s. */
  timeout?: number;
  /** How often a call is repeated that had no answer. */
  retries?: number;
  /** In place of the global fetch. */
  fetch?: typeof globalThis.fetch;
}

const version = "1";

/** What a proxy answers when the service does not. */
const proxied = [502, 503, 504];

/** call makes a call of the service. */
export type Call = (method: string, ...args: unknown[]) => Promise<any>;

/** connect returns how to call a service. */
export function connect(options: AuthStoreOptions): Call {
  const { secret, signed = false, timeout = 10_000, retries = 2 } = options;
  if (signed && !secret) throw new TypeError("authstore: signed requests need a secret");
  const base = new URL(options.url).href.replace(/\/+$/, "");
  const signer = signed ? new Signer(secret!) : undefined;
  const bearer = secret && !signed ? { authorization: `Bearer ${secret}` } : {};
  const fetch = options.fetch ?? globalThis.fetch;

  async function attempt(method: string, body: string, key: string): Promise<unknown> {
    const proof = await signer?.sign(method, key, body);
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(`${base}/v${version}/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key, ...bearer, ...proof?.headers },
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(timeout),
        ...noStore,
      });
      text = await answer.text();
    } catch (cause) {
      const late = (cause as Error)?.name === "TimeoutError";
      const message = late ? `no answer within ${timeout} ms` : "the service cannot be reached";
      throw new Repeatable("network", method, message, 0, null, { cause });
    }
    return read(method, answer, text, proof);
  }

  return async (method, ...args) => {
    const body = JSON.stringify(args.map((arg) => (arg === undefined ? null : encode(arg))));
    const key = crypto.randomUUID(); // of all attempts, so that the service answers them alike
    for (let failed = 0; ; failed++) {
      try {
        return await attempt(method, body, key);
      } catch (error) {
        if (!(error instanceof Repeatable) || failed >= retries) throw error;
        const pause = Math.max(100 * 2 ** failed, error.pause);
        await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
      }
    }
  };
}

/** An error that an attempt more may mend. */
class Repeatable extends AuthStoreError {
  pause = 0;
}

async function read(method: string, answer: Response, text: string, proof?: Proof): Promise<unknown> {
  const { status } = answer;
  if (answer.headers.get("authstore-version") !== version) {
    const message = `the answer (${status}) is not of an authstore service of version ${version}: is the URL right?`;
    throw new (proxied.includes(status) ? Repeatable : AuthStoreError)("protocol", method, message, status);
  }
  if (status === 200) {
    if (proof && !(await proof.holds(answer, text))) {
      throw new AuthStoreError("protocol", method, "the answer is not signed with the secret: is the service set up to sign?", status);
    }
    return decode(parse(method, status, text));
  }
  const failure = (parse(method, status, text) ?? {}) as { kind?: ErrorKind; message?: string; field?: string | null };
  const error = new (status === 503 ? Repeatable : AuthStoreError)(
    failure.kind ?? "protocol", method, failure.message ?? `status ${status}`, status, failure.field ?? null,
  );
  if (error instanceof Repeatable) error.pause = Math.min(Number(answer.headers.get("retry-after")) || 0, 2) * 500;
  throw error;
}

function parse(method: string, status: number, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AuthStoreError("protocol", method, "the answer is not JSON", status, null, { cause });
  }
}

/** Some caches keep answers to POST. Older versions of workerd refuse the option. */
const noStore: RequestInit = (() => {
  try {
    new Request("http://localhost", { cache: "no-store" });
    return { cache: "no-store" };
  } catch {
    return {};
  }
})();

/** What shows that a request was signed, and that an answer is to it. */
interface Proof {
  headers: { authorization: string };
  holds(answer: Response, text: string): Promise<boolean>;
}

class Signer {
  readonly #key: Promise<CryptoKey>;

  constructor(secret: string) {
    this.#key = crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  }

  async sign(method: string, key: string, body: string): Promise<Proof> {
    const hmac = await this.#key;
    const sent = String(Date.now());
    const text = bytes(`authstore request ${version}\n${sent}\n${method}\n${key}\n${body}`);
    const signature = base64url(await crypto.subtle.sign("HMAC", hmac, text));
    return {
      headers: { authorization: `Authstore-HMAC-SHA256 ${sent}:${signature}` },
      holds: async (answer, body) => {
        const signed = fromBase64url(answer.headers.get("authstore-signature") ?? "");
        return crypto.subtle.verify("HMAC", hmac, signed, bytes(`authstore answer ${version}\n${signature}\n${answer.status}\n${body}`));
      },
    };
  }
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const base64url = (buffer: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[\w-]*$/.test(text)) return new Uint8Array();
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}
