// Values on the wire: JSON, in which a Date is {"$date": …}, and an object that has nothing but a
// member of such a name is {"$object": {…}}.

type Members = Record<string, unknown>;

const tags = ["$date", "$object"];

const isTag = (names: string[]): boolean => names.length === 1 && tags.includes(names[0]!);

/** encode returns what JSON.stringify writes for a value. What it would change without a word is a TypeError. */
export function encode(value: unknown): unknown {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be stored`);
      return value;
    case "bigint":
    case "function":
    case "symbol":
      throw new TypeError(`a ${typeof value} cannot be stored`);
    case "object":
      return value === null ? null : encodeObject(value);
  }
  return value;
}

function encodeObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(encode);
  const type = Object.prototype.toString.call(value).slice(8, -1);
  if (type === "Date") {
    if (Number.isNaN((value as Date).getTime())) throw new TypeError("an invalid Date cannot be stored");
    return { $date: (value as Date).toISOString() };
  }
  // An object of another realm has another Object.prototype.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (type !== "Object" || (prototype !== null && Object.getPrototypeOf(prototype) !== null)) {
    throw new TypeError(`an object of the type ${value.constructor?.name || type} cannot be stored`);
  }
  const members: Members = Object.create(null); // in which __proto__ is a name like any other
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) members[name] = encode(member);
  }
  return isTag(Object.keys(members)) ? { $object: members } : members;
}

/**
 * decode returns the value of what JSON.parse has read, in which it puts what differs. A member called
 * __proto__ is left out: it would be the prototype of an application's copy.
 */
export function decode(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (!Array.isArray(value) && isTag(Object.keys(value))) {
    const { $date, $object } = value as Members;
    return $object === undefined ? new Date($date as string) : decodeMembers($object as Members);
  }
  return decodeMembers(value as Members);
}

function decodeMembers(value: Members): unknown {
  for (const name of Object.keys(value)) {
    if (name === "__proto__") delete value[name];
    else value[name] = decode(value[name]);
  }
  return value;
}
