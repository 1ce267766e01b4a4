import t from "tap";
import {
  bytesField,
  fieldsOf,
  intField,
  intOf,
  intsOf,
  lastOf,
  textOf,
  textsOf,
} from "../../../../controller/bundles/onnx/protobuf.ts";

const message = (...parts: readonly (readonly Uint8Array[])[]) => Buffer.concat(parts.flat());

t.test("what is written is read, and each field's own bytes are the message again", async (t) => {
  const bytes = message(intField(1, 300), bytesField(2, "words"), bytesField(2, "more"), intField(90_000, 2 ** 40));
  const fields = fieldsOf(bytes);
  t.same(
    fields.map(({ id }) => id),
    [1, 2, 2, 90_000],
  );
  t.same(Buffer.concat(fields.map(({ whole }) => whole)), bytes);
  t.same(textsOf(fields, 2), ["words", "more"]);
  t.equal(textOf(lastOf(fields, 2)), "more", "the last one counts");
  t.same(intsOf(fields, 1), [300]);
  t.same(intsOf(fields, 90_000), [2 ** 40]);
});

t.test("a repeated number stands packed or alone, and may be negative", async (t) => {
  const minusOne = Buffer.from("ffffffffffffffffff01", "hex");
  const packed = bytesField(1, Buffer.concat([Buffer.of(3), minusOne]));
  t.same(intsOf(fieldsOf(message(packed, intField(1, 7))), 1), [3, -1, 7]);
});

t.test("a field of 64 bits is passed over whole", async (t) => {
  const [fixed] = fieldsOf(Buffer.from("090102030405060708", "hex"));
  t.match(fixed, { id: 1, wire: 1 });
  t.equal(fixed?.content.byteLength, 8);
});

const wrong: readonly [string, string, RegExp][] = [
  ["a length beyond the end", "0a05616263", /field 1 is cut off/],
  ["a tag that does not end", "ffffffffffffffffffffff", /longer than 64 bits/],
  ["a number that is cut off", "08ff", /cut off/],
  ["a group", "0b", /wire type 3/],
  ["a length of 2^63", "0affffffffffffffffff7f", /cut off/],
];
for (const [what, hex, message] of wrong) {
  t.test(`${what} is refused`, async (t) => {
    t.throws(() => fieldsOf(Buffer.from(hex, "hex")), { name: "ProtobufMalformed", message });
  });
}

t.test("a number of more than ten bytes is refused when it is asked for", async (t) => {
  const [field] = fieldsOf(message(intField(1, 1)));
  t.throws(() => field && intOf({ ...field, content: Buffer.alloc(11, 0xff) }), { name: "ProtobufMalformed" });
});
