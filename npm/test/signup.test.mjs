import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import { AuthStore } from "../dist/index.js";

globalThis.crypto ??= webcrypto; // Node.js 18 has it by this name only

// connected returns an adapter on a service in which nobody is known, and the calls that arrive there.
function connected() {
  const calls = [];
  const fetch = async (url, { body }) => {
    const method = String(url).split("/").pop();
    const [arg] = JSON.parse(body);
    calls.push(method);
    const made = { createUser: 1, createVerifiedUser: 1, newUser: 1, signUp: 1, updateUser: 1, useVerificationToken: 1 };
    const value = made[method] ? { ...arg, id: arg.id ?? "made" } : null;
    return new Response(JSON.stringify(value), { headers: { "authstore-version": "1" } });
  };
  return { adapter: AuthStore({ url: "http://localhost", fetch }), calls };
}

const ada = { email: "Ada@example.com", name: "Ada", emailVerified: null };

// A first sign-in by a provider, up to its user.
async function signingIn(adapter) {
  await adapter.getUserByAccount({ provider: "p", providerAccountId: "a" });
  await adapter.getUserByEmail(ada.email);
  return adapter.createUser({ ...ada, id: "of Auth.js" });
}

const before = ["getUserByAccount", "getUserByEmail", "newUser"];

test("a first sign-in by a provider is stored in one call", async () => {
  const { adapter, calls } = connected();
  const user = await signingIn(adapter);
  assert.equal(user.name, "Ada");
  await adapter.linkAccount({ userId: user.id, provider: "p", providerAccountId: "a" });
  await adapter.createSession({ userId: user.id, sessionToken: "t" });
  assert.deepEqual(calls, [...before, "signUp", "createSession"]);
});

test("a user who is held back is stored before anything else is done with them", async () => {
  for (const [method, ...args] of [
    ["getUser", "of Auth.js"],
    ["updateUser", { id: "of Auth.js", role: "x" }],
    ["createSession", { userId: "of Auth.js" }],
    ["createAuthenticator", { userId: "of Auth.js" }],
    ["listAuthenticatorsByUserId", "of Auth.js"],
  ]) {
    const { adapter, calls } = connected();
    const { id } = await signingIn(adapter);
    assert.equal(id, "of Auth.js");
    await adapter[method](...args);
    await adapter.linkAccount({ userId: id, provider: "p", providerAccountId: "a" });
    assert.deepEqual(calls, [...before, "signUp", method, "linkAccount"]);
  }
});

test("one who is deleted is not stored", async () => {
  const { adapter, calls } = connected();
  const { id } = await signingIn(adapter);
  await adapter.deleteUser(id);
  assert.deepEqual(calls, [...before, "deleteUser"]);
});

test("a user whom no sign-in makes is stored at once", async () => {
  for (const prepare of [
    async () => {},
    (adapter) => adapter.getUserByEmail(ada.email),
    (adapter) => adapter.getUserByAccount({ provider: "p", providerAccountId: "a" }),
    async (adapter) => {
      await adapter.getUserByAccount({ provider: "p", providerAccountId: "a" });
      await adapter.getUserByEmail("ben@example.com");
    },
  ]) {
    const { adapter, calls } = connected();
    await prepare(adapter);
    await adapter.createUser(ada);
    assert.equal(calls.at(-1), "createUser");
  }
});

test("a link that was used makes the user of its address", async () => {
  const { adapter, calls } = connected();
  const verified = { ...ada, emailVerified: new Date() };
  await adapter.createUser(verified);
  await adapter.useVerificationToken({ identifier: "ada@example.com", token: "t" });
  await adapter.createUser({ ...verified, email: "ben@example.com" });
  await adapter.createUser(ada); // not verified
  await adapter.createUser(verified);
  await adapter.createUser(verified); // the other one of two clicks
  assert.deepEqual(calls, ["createUser", "useVerificationToken", "createUser", "createUser", "createVerifiedUser", "createVerifiedUser"]);
});

test("what was seen is forgotten after a minute", async (t) => {
  const now = Date.now();
  let later = 0;
  t.mock.method(Date, "now", () => now + later);
  const { adapter, calls } = connected();
  await adapter.useVerificationToken({ identifier: "ada@example.com", token: "t" });
  later += 61_000;
  await adapter.createUser({ ...ada, emailVerified: new Date() });
  assert.equal(calls.at(-1), "createUser");
  const { id } = await signingIn(adapter);
  later += 61_000;
  await adapter.getUser(id);
  assert.deepEqual(calls.slice(2), [...before, "getUser"]);
});
