import assert from "node:assert/strict";
import { createHmac, webcrypto } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

import { AuthStore, AuthStoreError } from "../dist/index.js";

globalThis.crypto ??= webcrypto; // Node.js 18 has it by this name only

const secret = "zGx1Vn0Q7c6sJmWbE2RkT9yHuLpA4dfo";
const versioned = { "authstore-version": "1", "content-type": "application/json" };

// serve answers requests in turn, by functions of the request and its body, and returns them.
async function serve(t, ...answers) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push({ method: request.url.split("/").pop(), headers: request.headers, url: request.url, verb: request.method, body, args: JSON.parse(body) });
    const { status = 200, headers = versioned, value = null, raw, cut, hang } = answers[Math.min(requests.length, answers.length) - 1](requests.at(-1));
    if (hang) return;
    if (cut) return request.socket.destroy();
    response.writeHead(status, headers).end(raw ?? JSON.stringify(value));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())));
  return { url: `http://127.0.0.1:${server.address().port}`, requests };
}

const fails = async (promise, expected) => {
  const error = await promise.then(() => assert.fail("it did not throw"), (e) => e);
  assert.ok(error instanceof AuthStoreError, String(error));
  for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value, `${name} of ${error}`);
  return error;
};

test("the methods are own and enumerable, and need no this", async (t) => {
  const { url } = await serve(t, () => ({}));
  const adapter = AuthStore({ url });
  assert.equal(Object.keys(adapter).length, 19);
  const { getUser } = { ...adapter };
  assert.equal(await getUser("1"), null);
});

test("a call is a POST with the secret", async (t) => {
  const { url, requests } = await serve(t, () => ({ value: { id: "1", emailVerified: { $date: "2026-01-02T03:04:05.678Z" } } }));
  const user = await AuthStore({ url: `${url}/base/`, secret }).getUserByEmail("ada@example.com");
  assert.deepEqual(user, { id: "1", emailVerified: new Date("2026-01-02T03:04:05.678Z") });
  const [{ headers, url: path, verb, args }] = requests;
  assert.deepEqual([verb, path, args], ["POST", "/base/v1/getUserByEmail", ["ada@example.com"]]);
  assert.equal(headers.authorization, `Bearer ${secret}`);
  assert.equal(headers["content-type"], "application/json");
});

test("arguments are in the order of Auth.js", async (t) => {
  const { url, requests } = await serve(t, () => ({}));
  await AuthStore({ url }).getAccount("42", "github");
  assert.deepEqual(requests[0].args, ["42", "github"]);
});

test("a link without an address is nobody's", async (t) => {
  const { url, requests } = await serve(t, () => ({ value: { identifier: "x" } }));
  assert.equal(await AuthStore({ url }).useVerificationToken({ identifier: undefined, token: "t" }), null);
  assert.equal(requests.length, 0);
});

test("an answer that is not the service's is never absence", async (t) => {
  for (const answer of [
    { status: 404, headers: {}, raw: "null" },
    { status: 200, headers: {}, raw: "null" },
    { status: 200, headers: { "authstore-version": "2" }, raw: "null" },
    { status: 302, headers: { location: "/" }, raw: "" },
    { status: 200, raw: "<html>" },
    { status: 200, raw: "" },
    { status: 404, value: { kind: "unknown_method", message: "m", field: null } },
  ]) {
    const { url, requests } = await serve(t, () => answer);
    await fails(AuthStore({ url }).getSessionAndUser("t"), { method: "getSessionAndUser", status: answer.status });
    assert.equal(requests.length, 1);
  }
});

test("errors have kind and field", async (t) => {
  const { url } = await serve(t, () => ({ status: 409, value: { kind: "conflict", field: "User.Email", message: "taken" } }));
  await fails(AuthStore({ url }).createUser({ email: "ada@example.com" }), { kind: "conflict", field: "User.Email", status: 409, message: "authstore: createUser: taken" });
});

test("a call that had no answer is repeated with its key", async (t) => {
  const { url, requests } = await serve(
    t,
    () => ({ cut: true }),
    () => ({ status: 503, headers: { ...versioned, "retry-after": "1" }, value: { kind: "unavailable", message: "m", field: null } }),
    () => ({ value: { sessionToken: "t" } }),
  );
  const adapter = AuthStore({ url });
  assert.deepEqual(await adapter.createSession({ sessionToken: "t" }), { sessionToken: "t" });
  assert.equal(requests.length, 3);
  assert.equal(new Set(requests.map((r) => r.headers["idempotency-key"])).size, 1);
  assert.equal(new Set(requests.map((r) => r.body)).size, 1);
  await adapter.createSession({ sessionToken: "t" });
  assert.notEqual(requests[3].headers["idempotency-key"], requests[0].headers["idempotency-key"]);
});

test("repetitions end", async (t) => {
  const { url, requests } = await serve(t, () => ({ status: 502, headers: {}, raw: "bad gateway" }));
  await fails(AuthStore({ url, retries: 1 }).getUser("1"), { kind: "protocol", status: 502 });
  assert.equal(requests.length, 2);
});

test("what was refused is not repeated", async (t) => {
  const { url, requests } = await serve(t, () => ({ status: 401, value: { kind: "unauthorized", message: "m", field: null } }));
  await fails(AuthStore({ url, secret }).getUser("1"), { kind: "unauthorized" });
  assert.equal(requests.length, 1);
});

test("an answer that does not come is a time-out", async (t) => {
  const { url } = await serve(t, () => ({ hang: true }));
  const error = await fails(AuthStore({ url, timeout: 50, retries: 0 }).getUser("1"), { kind: "network", status: 0 });
  assert.match(error.message, /within 50 ms/);
});

test("a service that is not there", async () => {
  await fails(AuthStore({ url: "http://127.0.0.1:1", retries: 0 }).getUser("1"), { kind: "network" });
});

test("no error quotes an argument", async () => {
  const error = await fails(AuthStore({ url: "http://127.0.0.1:1", secret, retries: 0 }).getSessionAndUser("the token"), {});
  assert.doesNotMatch(`${error.message} ${error.cause?.message}`, new RegExp(`the token|${secret}`));
});

const hmac = (text) => createHmac("sha256", secret).update(text).digest("base64url");

// answered signs an answer as the service does.
const answered = ({ headers }, value, signedBody = JSON.stringify(value)) => {
  const [, signature] = headers.authorization.split(":");
  return { value, headers: { ...versioned, "authstore-signature": hmac(`authstore answer 1\n${signature}\n200\n${signedBody}`) } };
};

test("a signed call", async (t) => {
  const { url, requests } = await serve(t, (request) => answered(request, { id: "1" }));
  const adapter = AuthStore({ url, secret, signed: true });
  assert.deepEqual(await adapter.getUser("1"), { id: "1" });
  const [{ headers, body }] = requests;
  const [, sent, signature] = /^Authstore-HMAC-SHA256 (\d+):(.+)$/.exec(headers.authorization);
  assert.ok(Math.abs(Date.now() - sent) < 10_000);
  assert.equal(signature, hmac(`authstore request 1\n${sent}\ngetUser\n${headers["idempotency-key"]}\n${body}`));
  assert.ok(!JSON.stringify(headers).includes(secret));
  await Promise.all([adapter.getUser("1"), adapter.getUser("1")]);
  assert.equal(new Set(requests.map((r) => r.headers.authorization)).size, 3, "equal calls have signatures of their own");
});

test("an answer that is not signed for the request is refused", async (t) => {
  let first;
  for (const answer of [
    () => ({ value: { id: "1" } }),
    (request) => answered(request, { id: "2" }, JSON.stringify({ id: "1" })),
    (request) => answered((first ??= request), { id: "1" }), // of another request
    () => ({ value: { id: "1" }, headers: { ...versioned, "authstore-signature": "!" } }),
  ]) {
    const { url } = await serve(t, answer);
    const adapter = AuthStore({ url, secret, signed: true });
    if (answer.toString().includes("first")) await adapter.getUser("0");
    await fails(adapter.getUser("1"), { kind: "protocol" });
  }
});

test("signing needs a secret", () => {
  assert.throws(() => AuthStore({ url: "http://localhost", signed: true }), TypeError);
});
