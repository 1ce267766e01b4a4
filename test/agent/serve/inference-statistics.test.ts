import t from "tap";
import type { InferenceObserver, InferResponse } from "../../../agent/inference/inference-engine.ts";
import { openInferenceStatistics } from "../../../agent/serve/inference-statistics.ts";
import type { ModelVersion } from "../../../protocol/ids.ts";
import { DIGITS, modelJson, statement } from "../../support/device-views.ts";

const version = "1.0.0" as ModelVersion;
const answer: InferResponse = {
  model: DIGITS,
  version,
  statement: statement("a"),
  bundle: { directory: "", statement: statement("a"), model: modelJson("1.0.0") },
  outputs: [],
  queueMs: 1,
  inferMs: 2,
};

function open() {
  const observers: InferenceObserver[] = [];
  const observe = (observer: InferenceObserver) => {
    observers.push(observer);
    return { [Symbol.dispose]: () => undefined };
  };
  const statistics = openInferenceStatistics({ observe, slots: () => [] });
  return { statistics, tell: observers[0] };
}

t.test("requests that were computed together are one execution", async (t) => {
  const { statistics, tell } = open();
  for (let request = 0; request < 9; request += 1) tell?.answered(DIGITS, answer);
  tell?.executed?.(DIGITS, version, { requests: 8, inferMs: 2 });
  tell?.executed?.(DIGITS, version, { requests: 1, inferMs: 0.5 });
  tell?.failed(DIGITS, "timed-out", version);
  t.match(statistics.of("digits"), [
    {
      inference_count: 9,
      execution_count: 2,
      inference_stats: { success: { count: 9, ns: 27e6 }, fail: { count: 1 }, compute_infer: { count: 9, ns: 18e6 } },
      batch_stats: [
        { batch_size: 1, compute_infer: { count: 1, ns: 0.5e6 } },
        { batch_size: 8, compute_infer: { count: 1, ns: 2e6 } },
      ],
    },
  ]);
});

t.test("without batches there are none to tell of", async (t) => {
  const { statistics, tell } = open();
  tell?.answered(DIGITS, answer);
  tell?.executed?.(DIGITS, version, { requests: 1, inferMs: 2 });
  t.match(statistics.of(), [{ inference_count: 1, execution_count: 1, batch_stats: [] }]);
});
