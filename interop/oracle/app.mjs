// An application of Auth.js with sign-in by e-mail, by an OpenID provider and by passkeys, and sessions in
// the database, on a loopback port.

import { createServer } from "node:http";

import { Auth } from "@auth/core";
import WebAuthn from "@auth/core/providers/webauthn";

import { passkeyPage } from "./passkeys.mjs";
import { startProvider } from "./provider.mjs";

// meeting has the first calls of a method wait for each other, so many of them.
function meeting(adapter, method, size) {
  let arrived = 0;
  let open;
  const all = new Promise((resolve) => (open = resolve));
  return {
    ...adapter,
    async [method](...args) {
      if (++arrived === size) open();
      await all;
      return adapter[method](...args);
    },
  };
}

// cutting ends sign-ups before they link their account, as a process that is killed there does.
function cutting(adapter, state) {
  return {
    ...adapter,
    linkAccount(account) {
      if (state.cut) throw new Error("the application was cut");
      return adapter.linkAccount(account);
    },
  };
}

// cut: sign-ups are cut between their two steps until uncut is called. meet: that many people make their
// users at once.
export async function startApp(adapter, { secret, updateAge, cut, meet }) {
  const provider = await startProvider();
  const mails = [];
  const signedOut = [];
  const state = { cut };
  const hasPasskeys = "getAuthenticator" in adapter; // the published adapters here have none
  const config = {
    adapter: cutting(meet ? meeting(adapter, "createUser", meet) : adapter, state),
    experimental: { enableWebAuthn: hasPasskeys },
    secret,
    basePath: "/auth",
    trustHost: true,
    session: { strategy: "database", updateAge },
    callbacks: { session: ({ session, user }) => ({ expires: session.expires, user }) },
    events: { signOut: ({ session }) => void signedOut.push(session) },
    logger: { error: (error) => console.error(error), warn() {}, debug() {} },
    providers: [
      {
        id: "email",
        type: "email",
        name: "E-mail",
        from: "no-reply@example.com",
        maxAge: 3600,
        sendVerificationRequest: ({ identifier, url, expires }) => void mails.push({ identifier, url, expires }),
        options: {},
      },
      { id: "openid", type: "oidc", name: "OpenID", issuer: provider.url, clientId: "app", clientSecret: "the secret of the client" },
      ...(hasPasskeys ? [WebAuthn({})] : []),
    ],
  };
  const server = createServer(async (request, response) => {
    try {
      if (request.url === "/passkeys") return response.setHeader("content-type", "text/html").end(passkeyPage);
      const answer = await Auth(await toRequest(request), config);
      response.statusCode = answer.status;
      for (const [name, value] of answer.headers) {
        if (name === "set-cookie") response.appendHeader(name, value);
        else response.setHeader(name, value);
      }
      response.end(await answer.text());
    } catch (error) {
      console.error(error);
      response.writeHead(500).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/auth`,
    mails,
    signedOut,
    state,
    close: async () => {
      await provider.close();
      await new Promise((resolve) => (server.close(resolve), server.closeAllConnections()));
    },
  };
}

async function toRequest(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  return new Request(`http://${request.headers.host}${request.url}`, { method: request.method, headers, body });
}
