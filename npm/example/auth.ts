// A server for Node.js, Deno, Workers or an edge runtime: (request: Request) => Promise<Response>.

import { Auth } from "@auth/core";
import GitHub from "@auth/core/providers/github";
import { AuthStore } from "@authstore/authjs-adapter";

type Environment = Record<"AUTHSTORE_URL" | "AUTHSTORE_SECRET" | "AUTH_SECRET" | "AUTH_GITHUB_ID" | "AUTH_GITHUB_SECRET", string>;

export const auth = (env: Environment) => {
  const adapter = AuthStore({ url: env.AUTHSTORE_URL, secret: env.AUTHSTORE_SECRET });
  return (request: Request): Promise<Response> =>
    Auth(request, {
      adapter,
      secret: env.AUTH_SECRET,
      basePath: "/auth",
      trustHost: true,
      session: { strategy: "database" },
      providers: [GitHub({ clientId: env.AUTH_GITHUB_ID, clientSecret: env.AUTH_GITHUB_SECRET })],
    }) as Promise<Response>;
};
