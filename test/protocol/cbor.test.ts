import t from "tap";
import { decodeCbor, encodeCbor } from "../../protocol/cbor.ts";

const anything = (value: unknown) => value;

t.test("maps are standard CBOR maps that any language reads", async (t) => {
  // RFC 8949, appendix A: {"a": 1, "b": [2, 3]}; the map's length is written in two bytes more than the shortest form.
  const bytes = Buffer.from(encodeCbor({ a: 1, b: [2, 3] }));
  t.equal(bytes.toString("hex").replace(/^b90002/, "a2"), "a26161016162820203");
  t.same(decodeCbor("x", Buffer.from("a26161016162820203", "hex"), 100, anything), { a: 1, b: [2, 3] });
});

t.test("byte strings come back as bytes; fractions as float32", async (t) => {
  const value = decodeCbor("x", encodeCbor({ data: Uint8Array.of(1, 2, 3), ratio: 0.1 }), 100, anything) as {
    data: Uint8Array;
    ratio: number;
  };
  t.same([...value.data], [1, 2, 3]);
  t.equal(value.ratio, 0.1);
});

t.test("truncated bytes, trailing bytes and oversize are refused", async (t) => {
  const bytes = encodeCbor({ a: "text" });
  t.throws(() => decodeCbor("batch", bytes.subarray(0, -1), 100, anything), { code: "MALFORMED" });
  t.throws(() => decodeCbor("batch", Buffer.concat([bytes, bytes]), 100, anything), { code: "MALFORMED" });
  t.throws(() => decodeCbor("batch", bytes, 3, anything), { code: "OVERSIZE", message: /batch/ });
});
