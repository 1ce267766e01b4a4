import t from "tap";
import { isNpy, readNpy } from "../../../agent/serve/npy.ts";

/** As numpy.save writes it: the header padded with spaces to a multiple of 64. */
function npy(descr: string, shape: string, data: Uint8Array, { version = 1, order = "False" } = {}): Uint8Array {
  const literal = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;
  const fixed = version === 1 ? 10 : 12;
  const header = literal.padEnd(Math.ceil((literal.length + fixed + 1) / 64) * 64 - fixed - 1) + "\n";
  const length = Buffer.alloc(fixed - 8);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY"),
    Buffer.from([version, 0]),
    length,
    Buffer.from(header),
    data,
  ]);
}

const floats = new Uint8Array(Float32Array.of(1, 2, 3).buffer);

t.test("an array keeps its datatype, its shape and its bytes", async (t) => {
  t.same(readNpy(npy("<f4", "1, 3", floats)), { datatype: "FP32", shape: [1, 3], bytes: Buffer.from(floats) });
  t.match(readNpy(npy("<f4", "3,", floats)), { shape: [3] });
  t.match(readNpy(npy("<i8", "", Buffer.alloc(8))), { datatype: "INT64", shape: [] }, "a scalar");
  t.match(readNpy(npy("|u1", "2,", Buffer.alloc(2), { version: 2 })), { datatype: "UINT8", shape: [2] });
  t.ok(isNpy(npy("<f4", "3,", floats)));
  t.notOk(isNpy(Buffer.from("[1,2]")));
});

const refused: readonly [string, Uint8Array, RegExp][] = [
  ["other bytes", Buffer.from("not numpy at all"), /no \.npy file/],
  ["big-endian numbers", npy(">f4", "3,", floats), /holds >f4; known here: /],
  ["records", npy("[('a', '<f4')]", "3,", floats), /does not say type and shape|holds/],
  ["Fortran order", npy("<f4", "1, 3", floats, { order: "True" }), /ascontiguousarray/],
  ["a header that is cut", npy("<f4", "3,", floats).subarray(0, 11), /type and shape/],
];
for (const [what, file, message] of refused) {
  t.test(`${what} are refused with what to do`, async (t) => {
    t.throws(() => readNpy(file), { status: 400, message });
  });
}
