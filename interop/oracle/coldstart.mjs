#!/usr/bin/env node
// A Lambda function that has the published adapter for DynamoDB look up a session: the cold start of
// examples/lambda is measured beside it. Lambda's runtime API is called as the runtime for Node would.

import { stores } from "./stores.mjs";

const runtime = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const { adapter } = await stores.dynamodb(process.env.AWS_ENDPOINT_URL_DYNAMODB, { tableName: process.env.TABLE });

for (;;) {
  const next = await fetch(`${runtime}/next`);
  const id = next.headers.get("Lambda-Runtime-Aws-Request-Id");
  const event = await next.json();
  const found = await adapter.getSessionAndUser(new URLSearchParams(event.rawQueryString).get("session"));
  const head = JSON.stringify({ statusCode: found ? 200 : 401, headers: {}, cookies: [] });
  await fetch(`${runtime}/${id}/response`, { method: "POST", body: `${head}${"\0".repeat(8)}${found?.user.id ?? ""}\n` });
}
