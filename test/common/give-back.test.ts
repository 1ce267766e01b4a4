import t from "tap";
import { giveBack } from "../../common/give-back.ts";

t.test("memory that is given back is free at once, and every view of it is empty", async (t) => {
  const memory = new ArrayBuffer(65_536);
  const bytes = new Uint8Array(memory, 5);
  const other = new Float32Array(memory, 8, 4);
  giveBack(bytes);
  t.same([memory.byteLength, bytes.byteLength, other.byteLength], [0, 0, 0]);
  giveBack(bytes);
  t.equal(memory.byteLength, 0, "twice is as good as once");
});

const left: readonly [what: string, bytes: Uint8Array][] = [
  ["what is small", new Uint8Array(100)],
  ["a part of the pool that Node.js cuts small buffers from", Buffer.from("a text of a few letters")],
  ["a part of something larger", new Uint8Array(65_536).subarray(0, 40_000)],
  ["what is shared with another thread", new Uint8Array(new SharedArrayBuffer(65_536))],
];
for (const [what, bytes] of left) {
  t.test(`${what} is left to the collector`, async (t) => {
    const { byteLength } = bytes;
    giveBack(bytes);
    t.equal(bytes.byteLength, byteLength);
  });
}
