import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";

import { decode, encode } from "../dist/values.js";

const over = (value) => decode(JSON.parse(JSON.stringify(encode(value))));

test("values come back as they were", () => {
  const date = new Date("2026-01-02T03:04:05.678Z");
  for (const value of [
    null, true, "", "2026-01-02T03:04:05.678Z", 0, -1.5, 2 ** 53, [], [[date]], {}, { a: { b: [date, null] } },
    { $date: "text" }, { $date: date }, { $object: 1 }, { $object: { $object: { $date: "x" } } }, { $date: 1, $object: 2 }, { $set: 1 },
  ]) {
    assert.deepEqual(over(value), value);
  }
});

test("nothing becomes a prototype", () => {
  const value = JSON.parse('{"a":{"__proto__":{"role":"admin"},"b":1},"constructor":1}');
  assert.equal(JSON.stringify(encode(value)), JSON.stringify(value));
  assert.deepEqual(over(value), { a: { b: 1 }, constructor: 1 });
  assert.deepEqual(decode(JSON.parse('{"$object":{"__proto__":{"$date":"2026-01-02T03:04:05.678Z"}}}')), {});
  assert.equal({}.role, undefined);
});

test("what is absent is left out, and null in a list", () => {
  assert.deepEqual(over({ a: undefined, b: 1 }), { b: 1 });
});

test("what JSON would change without a word is refused", () => {
  for (const value of [
    NaN, Infinity, 1n, () => 1, Symbol("x"), new Date(NaN), new Map([[1, 2]]), new Set(), new Uint8Array(2), new URL("http://a"),
    new (class Point {})(), Promise.resolve(1),
  ]) {
    assert.throws(() => encode({ a: [value] }), TypeError);
  }
});

test("objects of another realm, as frameworks have them", () => {
  const foreign = vm.runInNewContext("({ a: { since: new Date(0) }, none: Object.create(null) })");
  assert.deepEqual(over(foreign), { a: { since: new Date(0) }, none: {} });
});
