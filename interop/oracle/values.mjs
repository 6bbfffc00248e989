// Values on the wire: JSON, in which what JSON has no form for is {"$": type, …}.

export function encode(value) {
  if (value === undefined) return { $: "undefined" };
  if (value instanceof Date) return { $: "date", ms: value.getTime() };
  if (typeof value === "bigint") return { $: "bigint", text: value.toString() };
  if (typeof value === "number" && !Number.isFinite(value)) return { $: "number", text: String(value) };
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(encode);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null) {
    return { $: value._bsontype ?? value.constructor.name, text: value.toString() };
  }
  return { $: "object", members: Object.entries(value).map(([name, v]) => [name, encode(v)]) };
}

export function decode(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(decode);
  switch (value.$) {
    case "undefined":
      return undefined;
    case "date":
      return new Date(value.ms);
    case "object":
      return Object.fromEntries(value.members.map(([name, v]) => [name, decode(v)]));
  }
  throw new Error(`a value of the type ${value.$}`);
}
