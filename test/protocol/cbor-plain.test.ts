import t from "tap";
import { inspect } from "node:util";
import { whyNotPlainCbor } from "../../protocol/cbor-plain.ts";
import { decodeCbor, encodeCbor } from "../../protocol/cbor.ts";

const bytes = (hex: string) => Buffer.from(hex, "hex");
const anything = (value: unknown) => value;

t.test("whatever a message holds is plain", async (t) => {
  const values = [0, -1, 2 ** 40, 0.5, 1e300, "text", "é".repeat(200), true, false, null, undefined, [], {}];
  for (const value of [...values, Buffer.alloc(70_000), [[[]]], { a: { b: [1, 2, { c: "d" }] } }]) {
    t.equal(whyNotPlainCbor(encodeCbor(value)), undefined, inspect(value).slice(0, 40));
  }
});

t.test("other languages' writers may leave lengths open, and write numbers in any width", async (t) => {
  for (const hex of ["9fff", "bfff", "9f0102ff", "bf616101616202ff", "1800", "190000", "f93c00"]) {
    t.equal(whyNotPlainCbor(bytes(hex)), undefined, hex);
    t.doesNotThrow(() => decodeCbor("x", bytes(hex), 100, anything), hex);
  }
});

const REFUSED = [
  { why: "a big integer, which the codec reads in quadratic time", hex: "c24101" },
  { why: "a negative big integer", hex: "c34101" },
  { why: "a date", hex: "c100" },
  { why: "a generic object: the codec makes a regular expression of it", hex: "d81b8266526567457870612e" },
  { why: "a value to share", hex: "d81c80" },
  { why: "a shared value", hex: "82d81c80d81d00" },
  { why: "a record that later messages would share", hex: "d9dfff8319e0008161610102" },
  { why: "a table of packed values", hex: "d83384818100808000" },
  { why: "a typed array", hex: "d84e44ffffffff" },
  { why: "a packed value", hex: "e0" },
  { why: "a simple value of two bytes", hex: "f820" },
  { why: "a single float that is no number, which the codec reads as 0", hex: "fa7fc00000" },
  { why: "a single float that is infinite", hex: "faff800000" },
  { why: "a reserved length", hex: "1c" },
  { why: "a byte string without a length", hex: "5f4101ff" },
  { why: "an array that is cut short", hex: "8201" },
  { why: "an array longer than any message", hex: "9affffffff" },
  { why: "a byte string of 2^64 bytes", hex: "5bffffffffffffffff" },
  { why: "a number that is cut short", hex: "1900" },
  { why: "nothing", hex: "" },
  { why: "a second value", hex: "0000" },
  { why: "a break that ends nothing", hex: "ff" },
  { why: "a break where a value belongs", hex: "bf6161ff" },
  { why: "a break within a counted array", hex: "82ff" },
  { why: "an open array that does not end", hex: "9f01" },
];
for (const { why, hex } of REFUSED) {
  t.test(`${why} is refused`, async (t) => {
    t.throws(() => decodeCbor("message", bytes(hex), 100, anything), { code: "MALFORMED", subject: "message" });
  });
}

t.test("32 levels are read, and no 33rd", async (t) => {
  const nested = (levels: number) => bytes(`${"81".repeat(levels)}00`);
  t.equal(whyNotPlainCbor(nested(32)), undefined);
  t.match(whyNotPlainCbor(nested(33)), /more than 32 levels/);
  t.equal(whyNotPlainCbor(bytes(`${"81".repeat(31)}80`)), undefined);
});
