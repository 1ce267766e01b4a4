import t from "tap";
import { parseBaseline } from "../../../protocol/bundle/baseline.ts";

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

t.test("a baseline is read whole or refused", async (t) => {
  const feature = { name: "x", role: "input", type: "number", count: 3, missing: 0, valueSketch: "0 1||3|" };
  const baseline = { formatVersion: 1, samples: 3, features: [feature] };
  t.same(parseBaseline(bytes(baseline)), baseline);
  t.throws(() => parseBaseline(bytes({ ...baseline, more: 1 })), { code: "SCHEMA" });
  t.throws(() => parseBaseline(Buffer.from("{")), { code: "MALFORMED" });
});
