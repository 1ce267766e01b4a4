import t from "tap";
import { Type } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";

const List = Type.Object({ list: Type.Array(Type.Number()) });
const withWrongEnd = (length: number) => ({ list: [...Array.from({ length }, () => 1), "x"] });

t.test("what does not match is told with its place", async (t) => {
  t.throws(() => gate("message", List)(withWrongEnd(10)), {
    code: "SCHEMA",
    message: "message: /list/10 must be number",
  });
  t.throws(() => gate("message", List)(null), { code: "SCHEMA", message: /the document/ });
});

t.test("a message is refused without its place where that would cost more than it did to send it", async (t) => {
  t.throws(() => gate("message", List)(withWrongEnd(100_000)), { code: "SCHEMA", message: /too large to say where/ });
  const deep = parseJson("message", Buffer.from("[".repeat(20_000) + "]".repeat(20_000)), 40_000, (value) => value);
  t.throws(() => gate("message", List)(deep), { code: "SCHEMA", message: /too large to say where/ });
  const bytes = { list: new Uint8Array(100_000) };
  t.throws(() => gate("message", List)(bytes), { message: "message: /list must be array" }, "bytes are one part");
});

t.test("the author of a large document is told where it is wrong", async (t) => {
  const check = gate("golden set", List, { explainedPartsMax: Infinity });
  t.throws(() => check(withWrongEnd(10_000)), { message: "golden set: /list/10000 must be number" });
});
