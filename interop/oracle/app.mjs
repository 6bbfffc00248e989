// An application of Auth.js with sign-in by e-mail and sessions in the database, on
// a loopback port.

import { createServer } from "node:http";

import { Auth } from "@auth/core";

export async function startApp(adapter, { secret, updateAge }) {
  const mails = [];
  const config = {
    adapter,
    secret,
    basePath: "/auth",
    trustHost: true,
    session: { strategy: "database", updateAge },
    callbacks: { session: ({ session, user }) => ({ expires: session.expires, user }) },
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
    ],
  };
  const server = createServer(async (request, response) => {
    try {
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
    close: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())),
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
