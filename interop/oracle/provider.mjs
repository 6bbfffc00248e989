// An OpenID provider on a loopback port, which believes who somebody says they are: the parameter
// person of the authorization request is the subject and the local part of their address.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

import { SignJWT, exportJWK, generateKeyPair } from "jose";

export async function startProvider() {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const codes = new Map(); // what was granted
  let url;

  const pages = {
    "/.well-known/openid-configuration": () => ({
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      userinfo_endpoint: `${url}/userinfo`, // which Auth.js wants to be there
      jwks_uri: `${url}/jwks`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    }),
    "/jwks": async () => ({ keys: [{ ...(await exportJWK(publicKey)), alg: "RS256", use: "sig" }] }),
    "/token": async (form) => {
      const { person, nonce, client_id: client } = codes.get(form.get("code"));
      codes.delete(form.get("code"));
      const claims = { nonce, name: person, email: `${person}@example.com` };
      const token = new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).setIssuer(url).setSubject(person).setAudience(client);
      return {
        access_token: randomUUID(),
        token_type: "Bearer",
        expires_in: 3600,
        id_token: await token.setIssuedAt().setExpirationTime("1h").sign(privateKey),
      };
    },
  };

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, url);
    if (pathname === "/authorize") {
      const code = randomUUID();
      codes.set(code, Object.fromEntries(searchParams));
      const back = new URL(searchParams.get("redirect_uri"));
      back.searchParams.set("code", code);
      if (searchParams.has("state")) back.searchParams.set("state", searchParams.get("state"));
      return response.writeHead(302, { location: back.href }).end();
    }
    let body = "";
    for await (const chunk of request) body += chunk;
    const answer = await pages[pathname](new URLSearchParams(body));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
  return { url, close: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())) };
}
