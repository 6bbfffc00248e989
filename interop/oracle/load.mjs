// Callers who look up sessions, each the next one as soon as it has its answer.

import { performance } from "node:perf_hooks";

// load has callers look up sessions with their users for some milliseconds, and returns how many
// microseconds each look-up took that ended in them. They begin somewhat before and end after.
export async function load(adapter, { tokens, callers, ms }) {
  const begin = performance.now() + ms / 4;
  const end = begin + ms;
  const took = [];
  const call = async (caller) => {
    for (let i = caller; ; i += callers) {
      const sent = performance.now();
      const found = await adapter.getSessionAndUser(tokens[i % tokens.length]);
      const answered = performance.now();
      if (!found?.user) throw new Error("a session was not found");
      if (answered >= end) return;
      if (answered > begin) took.push(Math.round((answered - sent) * 1000));
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return took;
}
