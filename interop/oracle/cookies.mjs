// The session cookies of Auth.js 5, NextAuth.js 4 and Better Auth, made and read by the
// published packages as their applications do, without a listening server; and applications of
// Better Auth on MongoDB.

import { createRequire } from "node:module";

import { Auth } from "@auth/core";
import { encode } from "@auth/core/jwt";
import { passkey } from "@better-auth/passkey";
import { redisStorage } from "@better-auth/redis-storage";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { mongodbAdapter } from "better-auth/adapters/mongodb";
import { bearer, magicLink } from "better-auth/plugins";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";

import { SessionStore } from "./node_modules/@auth/core/lib/utils/cookie.js";

const require = createRequire(import.meta.url);
const { encode: encode4 } = require("next-auth/jwt");
const { AuthHandler } = require("./node_modules/next-auth/core/index.js");
const { parse, serialize } = require("cookie");

const site = "https://site.example";
const quiet = { error() {}, warn() {}, debug() {} };

// jwt returns the Cookie header of a session that is a JWT, in chunks where it is long.
async function jwt({ version, name, token, secret, maxAge }) {
  const value = await (version === 4 ? encode4({ token, secret, maxAge }) : encode({ token, secret, maxAge, salt: name }));
  return new SessionStore({ name, options: {} }, {}, quiet).chunk(value, {}).map((c) => `${c.name}=${c.value}`).join("; ");
}

// adapter has one session, that of a token.
const adapterOf = ({ token, expires }, user) =>
  token && {
    createUser() {}, getUser() {}, getUserByEmail() {}, getUserByAccount() {}, updateUser() {}, linkAccount() {}, createSession() {}, deleteSession() {},
    getSessionAndUser: async (t) => (t === token ? { session: { sessionToken: token, userId: user.id, expires }, user } : null),
    updateSession: async (s) => s,
  };

// session asks an application whose session a Cookie header has, by its sessions in the
// database if there is a token, else by JWTs. It returns the user's name, and the cookies
// that the answer sets, as a Cookie header.
async function session({ version, header, secret, token, expires, insecure }) {
  const adapter = adapterOf({ token, expires }, { id: "7", name: "Ada" });
  const options = { adapter, secret, providers: [], session: { strategy: adapter ? "database" : "jwt" }, logger: quiet, useSecureCookies: !insecure };
  if (version === 4) {
    const { body, cookies } = await AuthHandler({
      req: { action: "session", method: "GET", cookies: parse(header), headers: {}, query: {}, origin: site },
      options: { ...options, callbacks: { session: ({ session, user }) => ({ ...session, user: session.user ?? user }) } },
    });
    return { name: body?.user?.name ?? null, header: cookies.map((c) => serialize(c.name, c.value)).join("; ") };
  }
  const answer = await Auth(new Request(`${site}/auth/session`, { headers: { cookie: header } }), { ...options, trustHost: true, basePath: "/auth" });
  return { name: (await answer.json())?.user?.name ?? null, header: setCookies(answer) };
}

// setCookies returns the cookies of an answer as a Cookie header.
function setCookies(answer) {
  return answer.headers.getSetCookie().filter((c) => !/Max-Age=0(;|$)/i.test(c)).map((c) => c.split(";")[0]).join("; ");
}

// appOf returns an application of Better Auth, and how to ask it over HTTP.
function appOf(options) {
  const auth = betterAuth({
    baseURL: site, emailAndPassword: { enabled: true }, logger: { disabled: true }, telemetry: { enabled: false }, rateLimit: { enabled: false }, ...options,
  });
  // ask returns status, body, the cookies set, and the token for bearers.
  return async ({ path, header, authorization, body }) => {
    const headers = new Headers({ origin: site, "user-agent": "Firefox" });
    if (header) headers.set("cookie", header);
    if (authorization) headers.set("authorization", authorization);
    if (body) headers.set("content-type", "application/json");
    const answer = await auth.handler(new Request(`${site}/api/auth${path}`, { method: body ? "POST" : "GET", headers, body }));
    return { status: answer.status, body: await answer.text(), header: setCookies(answer), bearer: answer.headers.get("set-auth-token") };
  };
}

// inRedis are the options that have sessions and verification rows in Redis, if there is a URL.
function inRedis({ redis, prefix }) {
  const client = redis && new Redis(redis);
  return { options: { secondaryStorage: client && redisStorage({ client, keyPrefix: prefix }) }, close: () => client?.quit() };
}

// startBetterAuth starts an application of Better Auth with its records in memory, and with
// sessions and verification rows in Redis if there is a URL.
function startBetterAuth({ secret, secrets, insecure, redis, prefix }) {
  const db = { user: [], session: [], account: [], verification: [] };
  const secondary = inRedis({ redis, prefix });
  return {
    fetch: appOf({
      secret: secrets ? undefined : secret, secrets, database: memoryAdapter(db), plugins: [bearer()],
      advanced: { useSecureCookies: !insecure }, ...secondary.options,
    }),
    // sessions returns those in the database.
    sessions: () => db.session.map(({ token, userId, expiresAt }) => ({ token, userId, expiresAt })),
    // put stores a session, as Go does in a store of both.
    put({ token, userId, expires }) {
      const now = new Date();
      db.session.push({ id: token, token, userId, expiresAt: expires, createdAt: now, updatedAt: now, ipAddress: "", userAgent: "" });
    },
    users: () => db.user.map(({ id, name, email }) => ({ id, name, email })),
    close: secondary.close,
  };
}

// startBetterAuthOnMongo starts one with its records in a database, which Go uses too.
async function startBetterAuthOnMongo({ secret, url, name, uuids, redis, prefix }) {
  const client = await new MongoClient(url).connect();
  const secondary = inRedis({ redis, prefix });
  const links = [];
  return {
    fetch: appOf({
      secret, database: mongodbAdapter(client.db(name)),
      advanced: uuids ? { database: { generateId: "uuid" } } : {},
      user: { changeEmail: { enabled: true, updateEmailWithoutVerification: true }, deleteUser: { enabled: true } },
      plugins: [magicLink({ sendMagicLink: async ({ url }) => void links.push(url) }), passkey({ rpID: "site.example", origin: site })],
      ...secondary.options,
    }),
    links: () => links,
    close: async () => {
      await secondary.close();
      await client.close();
    },
  };
}

export const operations = (keep, open) => ({
  jwt,
  session,
  betterAuth: (options) => keep(startBetterAuth(options)),
  betterAuthOnMongo: async (options) => keep(await startBetterAuthOnMongo(options)),
  betterAuthLinks: ({ handle }) => open.get(handle).links(),
  betterAuthFetch: ({ handle, ...request }) => open.get(handle).fetch(request),
  betterAuthSessions: ({ handle }) => open.get(handle).sessions(),
  betterAuthUsers: ({ handle }) => open.get(handle).users(),
  betterAuthPut: ({ handle, ...record }) => open.get(handle).put(record),
});
