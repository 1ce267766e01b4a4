import t from "tap";
import { isNpy, readNpy } from "../../../../common/processing/decode/read-npy.ts";
import { npy } from "../../../support/npy.ts";

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
  ["sizes without a comma", npy("<f4", "1 3", floats), /its shape is \(1 3\), which none is/],
  ["sizes beyond counting", npy("<f4", "99999999999, 99999999999", floats), /which none is/],
  ["sizes beyond counting that come to nothing", npy("<f4", "99999999999999999999, 0", floats), /which none is/],
  ["more dimensions than a tensor has", npy("<f4", "1, ".repeat(17), floats), /which none is/],
  ["a header that is cut", npy("<f4", "3,", floats).subarray(0, 11), /type and shape/],
];
for (const [what, file, message] of refused) {
  t.test(`${what} are refused with what to do`, async (t) => {
    t.throws(() => readNpy(file), { code: "bad-media", message });
  });
}
