// Runs the published adapters for the tests in Go: requests on stdin and answers on
// stdout, one JSON object a line. A request has an id, an operation and its arguments; the
// answer has the id, and a value or an error.

import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

globalThis.crypto ??= webcrypto; // Node.js 18 has it by this name only

const { decode, encode } = await import("./values.mjs");
const { stores } = await import("./stores.mjs");
const { load } = await import("./load.mjs");
const { startApp } = await import("./app.mjs");
const cookies = await import("./cookies.mjs");

const open = new Map(); // what requests name by a handle: stores and applications
let handles = 0;

function keep(thing) {
  open.set(++handles, thing);
  return handles;
}

// strange returns the properties of a value, at any depth, that it has from a prototype
// which is not its type's, or that would give one to a copy of it.
function strange(value, path = "") {
  if (value === null || typeof value !== "object" || value instanceof Date || value._bsontype) return [];
  const names = [];
  for (const name in value) {
    if (!Object.hasOwn(value, name)) names.push(path + name);
  }
  for (const [name, v] of Object.entries(value)) {
    if (name === "__proto__") names.push(path + name);
    names.push(...strange(v, `${path}${name}.`));
  }
  return names;
}

const operations = {
  open: async ({ store, url, options }) => keep(await stores[store](url, options)),
  call: ({ handle, method, args }) => open.get(handle).adapter[method](...args),
  // strange makes a call and returns the names in its answer that nobody stored, see there.
  strange: async ({ handle, method, args }) => strange(await open.get(handle).adapter[method](...args)),
  // calls makes one call many times at once, and returns null for those that threw.
  calls: async ({ handle, method, args }) => {
    const all = await Promise.allSettled(args.map((a) => open.get(handle).adapter[method](...a)));
    return all.map(({ value }) => value ?? null);
  },
  load: ({ handle, ...how }) => load(open.get(handle).adapter, how),
  app: async ({ handle, options }) => {
    const app = await startApp(open.get(handle).adapter, options);
    return { app: keep(app), url: app.url };
  },
  mails: ({ app }) => open.get(app).mails,
  signedOut: ({ app }) => open.get(app).signedOut,
  uncut: ({ app }) => void (open.get(app).state.cut = false),
  methods: ({ handle }) => Object.keys(open.get(handle).adapter),
  close: async ({ handle }) => {
    await open.get(handle).close();
    open.delete(handle);
  },
  ...cookies.operations(keep, open),
};

async function answer(line) {
  const { id, op, args } = JSON.parse(line);
  try {
    return { id, value: encode(await operations[op](decode(args))) };
  } catch (error) {
    return { id, error: `${error.name}: ${error.message}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  answer(line).then((reply) => process.stdout.write(JSON.stringify(reply) + "\n"));
}
process.exit(0); // stdin was closed: the test has ended
