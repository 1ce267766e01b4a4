/** Mutations of JSON and CBOR documents that leave the syntax whole, so that what lies behind it is reached. */
import { encodeCbor } from "../../protocol/cbor.ts";
import type { Random } from "./random.ts";

/** A document as a tree. Byte strings stand in CBOR only. */
type Tree = null | boolean | number | string | Uint8Array | readonly Tree[] | { readonly [key: string]: Tree };

/** Stands in a tree where a piece of syntax that no tree can express is to be put. */
const PLACE = "@@BOMB@@";

const ODD_VALUES: readonly Tree[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.1,
  1e10 + 0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e308,
  "",
  " ",
  ".",
  "..",
  "__proto__",
  "constructor",
  "\u0000",
  "\ud800",
  "\u{1f6a2}",
  "a".repeat(70_000),
  [],
  {},
  [[]],
  PLACE,
];

/** A tree like this one with one to three places changed. */
export function mutateTree(tree: unknown, random: Random, other: unknown): Tree {
  let mutated = asTree(tree);
  for (let left = 1 + random.integer(3); left > 0; left -= 1) mutated = changeOne(mutated, random, asTree(other));
  return mutated;
}

function changeOne(tree: Tree, random: Random, other: Tree): Tree {
  const isBranch = tree !== null && typeof tree === "object" && !(tree instanceof Uint8Array);
  if (!isBranch || random.chance(0.15)) return changedHere(tree, random, other);
  if (isList(tree)) return changedList(tree, random, other);
  return changedFields(tree, random, other);
}

function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree);
}

function changedHere(tree: Tree, random: Random, other: Tree): Tree {
  if (typeof tree === "number" && random.chance(0.5)) return tree + random.pick([-1, 1, 0.5, 2 ** 32, -(2 ** 31)]);
  if (typeof tree === "string" && random.chance(0.5)) return tree.slice(random.integer(tree.length + 1)) + tree;
  if (tree instanceof Uint8Array && random.chance(0.7)) return tree.subarray(random.integer(tree.byteLength + 1));
  return random.chance(0.3) ? pieceOf(other, random) : random.pick(ODD_VALUES);
}

function changedList(list: readonly Tree[], random: Random, other: Tree): Tree {
  const at = random.integer(list.length + 1);
  const [element] = list.slice(at, at + 1);
  if (element === undefined) return [...list, changedHere(list[0] ?? null, random, other)];
  switch (random.integer(6)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, element);
    case 2:
      return Array.from({ length: bounded(random.pick([17, 65, 257, 501, 5_000]), element) }, () => element);
    default:
      return list.with(at, changeOne(element, random, other));
  }
}

function changedFields(fields: Readonly<Record<string, Tree>>, random: Random, other: Tree): Tree {
  const entries = Object.entries(fields);
  const at = random.integer(entries.length);
  const [entry] = entries.slice(at, at + 1);
  if (entry === undefined) return { added: random.pick(ODD_VALUES) };
  const [key, value] = entry;
  switch (random.integer(8)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1));
    case 1:
      return Object.fromEntries([
        ...entries,
        [random.pick(["__proto__", "toString", "added", ""]), pieceOf(other, random)],
      ]);
    case 2:
      return Object.fromEntries([...entries, ...manyFields(random, value)]);
    default:
      return Object.fromEntries(entries.with(at, [key, changeOne(value, random, other)]));
  }
}

function manyFields(random: Random, value: Tree): [string, Tree][] {
  const length = bounded(random.pick([1, 70, 1_000]), value);
  return Array.from({ length }, (_, n) => [`field${String(n)}`, value]);
}

/** Values in a tree that mutations make: more would fill this process before they reach the decoder. */
const TREE_VALUES_MAX = 20_000;

/** So many copies of a tree, or as many as there is room for. */
function bounded(count: number, tree: Tree): number {
  return Math.max(1, Math.min(count, Math.floor(TREE_VALUES_MAX / valuesIn(tree))));
}

function valuesIn(tree: Tree): number {
  if (typeof tree === "string") return 1 + tree.length / 16;
  if (tree === null || typeof tree !== "object" || tree instanceof Uint8Array) return 1;
  return Object.values(tree).reduce((sum: number, inner: Tree) => sum + valuesIn(inner), 1);
}

/** A value from somewhere in a tree. */
function pieceOf(tree: Tree, random: Random): Tree {
  if (tree === null || typeof tree !== "object" || tree instanceof Uint8Array || random.chance(0.3)) return tree;
  const inner = Object.values(tree);
  return inner.length === 0 ? tree : pieceOf(random.pick(inner), random);
}

/** Undefined is no value of either syntax, and whatever else a decoder gave is not looked into. */
function asTree(value: unknown): Tree {
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string")
    return value;
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(asTree);
  if (typeof value !== "object") return null;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asTree(inner)]));
}

/** The tree as JSON; now and then with what JSON allows and no tree can hold. */
export function treeToJson(tree: Tree, random: Random): Uint8Array {
  const text = JSON.stringify(tree, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value));
  const bombed = text.replaceAll(JSON.stringify(PLACE), () => random.pick(JSON_BOMBS)());
  if (!random.chance(0.1)) return Buffer.from(bombed);
  // One key twice: which of the two a reader takes is not for an attacker to choose.
  return Buffer.from(bombed.replace(/"([a-z]+)":/i, (field) => `${field}null,${field}`));
}

const JSON_BOMBS: readonly (() => string)[] = [
  () => "[".repeat(20_000) + "]".repeat(20_000),
  () => '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000),
  () => `[${"1,".repeat(30_000)}1]`,
  () => "9".repeat(30_000),
  () => `-0.${"0".repeat(1_000)}1e-400`,
  () => `{${Array.from({ length: 3_000 }, (_, n) => `"k${String(n)}":{}`).join()}}`,
];

/** The tree as CBOR; now and then with what CBOR allows and no tree can hold. */
export function treeToCbor(tree: Tree, random: Random): Uint8Array {
  const bytes = Buffer.from(encodeCbor(tree));
  const place = Buffer.from(encodeCbor(PLACE));
  const at = bytes.indexOf(place);
  if (at < 0) return bytes;
  return Buffer.concat([bytes.subarray(0, at), random.pick(CBOR_BOMBS)(), bytes.subarray(at + place.byteLength)]);
}

const hex = (text: string) => Buffer.from(text, "hex");
const repeated = (text: string, count: number) => hex(text.repeat(count));

/** RFC 8949 with the tags of its registry: what costs a reader more than it costs the sender. */
const CBOR_BOMBS: readonly (() => Buffer)[] = [
  // Arrays, maps and tags within each other.
  () => Buffer.concat([repeated("81", 30_000), hex("00")]),
  () => Buffer.concat([repeated("a16161", 10_000), hex("00")]),
  () => Buffer.concat([repeated("9f", 10_000), repeated("ff", 10_000)]),
  () => Buffer.concat([repeated("c0", 30_000), hex("00")]),
  // Lengths that nothing follows.
  () => hex("9affffffff"),
  () => hex("5bffffffffffffffff"),
  () => hex("bb00000000ffffffff"),
  // A big integer of many bytes: tags 2 and 3.
  () => Buffer.concat([hex("c259ea60"), Buffer.alloc(60_000, 0xff)]),
  () => Buffer.concat([hex("c359ea60"), Buffer.alloc(60_000, 0xff)]),
  // Shared values, tags 28 and 29: one large value in many places, and one that contains itself.
  () => Buffer.concat([hex("82d81c9901f4"), repeated("64", 500), hex("9903e8"), repeated("d81d00", 1_000)]),
  () =>
    Buffer.concat([
      repeated("d81c82", 30),
      hex("00"),
      Buffer.concat(Array.from({ length: 30 }, (_, n) => hex(`d81d${n.toString(16).padStart(2, "0")}`))),
    ]),
  // A generic object: tag 27.
  () => hex("d81b82665265674578706b286128612b29292b2b5b5d"),
  // Decimal fractions and big floats with large exponents: tags 4 and 5.
  () => hex("c4821b7fffffffffffffff01"),
  () => hex("c5821b7fffffffffffffff01"),
  // Typed arrays, sets, maps, dates, packed values, records: no message has one.
  () => hex("d84e44ffffffff"),
  () => hex("d9010283010203"),
  () => hex("d90103a10102"),
  () => hex("c01b7fffffffffffffff"),
  () => hex("d83384818100808000"),
  () => hex("d9dfff8319e0008161610102"),
  // Numbers at the edges of their kinds.
  () => hex("fb7ff0000000000000"),
  () => hex("f97e00"),
  () => hex("fa50150000"),
  () => hex("1bffffffffffffffff"),
  () => hex("3bffffffffffffffff"),
  () => hex("f7"),
  () => hex("e0"),
  () => hex("62c328"),
];
