import t from "tap";
import { Culprits } from "../../../../agent/inference/slot/culprits.ts";
import type { InferRequest } from "../../../../agent/inference/inference-engine.ts";
import type { ModelName } from "../../../../protocol/ids.ts";
import { floats } from "../../../support/model-folders.ts";

const MINUTE_MS = 60_000;
const request = (...values: number[]): InferRequest => ({
  slot: "m" as ModelName,
  inputs: [floats("a", [values.length], values), floats("b", [1], [0])],
  timeoutMs: 1_000,
});

t.test("the same request is known again for ten minutes, and no other", async (t) => {
  const culprits = new Culprits();
  t.notOk(culprits.has(request(1), 0));
  culprits.note(request(1), 0);
  t.ok(culprits.has({ ...request(1), timeoutMs: 5 }, 9 * MINUTE_MS));
  t.ok(culprits.has({ ...request(1), inputs: request(1).inputs.toReversed() }, 9 * MINUTE_MS));
  t.notOk(culprits.has(request(2), 0));
  t.notOk(culprits.has(request(1, 0), 0));
  t.notOk(culprits.has({ ...request(1), outputs: ["y"] }, 0));
  t.notOk(culprits.has(request(1), 11 * MINUTE_MS));
});

t.test("of too many the one that was met longest ago is forgotten", async (t) => {
  const culprits = new Culprits();
  for (let at = 0; at <= 64; at += 1) culprits.note(request(at), at);
  t.notOk(culprits.has(request(0), 100));
  t.ok(culprits.has(request(1), 100));
  t.ok(culprits.has(request(64), 100));
});
