import t from "tap";
import type { InferRequest, VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import { inferFrames } from "../../../agent/processing/infer-frames.ts";
import type { ModelName, StatementDigest } from "../../../protocol/ids.ts";
import { digitsFolder, floats } from "../../support/model-folders.ts";

const digits = digitsFolder("1.1.0");
const bundle = (digit: string, scale = 1): VerifiedBundle => ({
  ...digits,
  statement: digit.repeat(64) as StatementDigest,
  model: {
    ...digits.model,
    preprocessing: [
      { kind: "sound", input: "sound", sampleRate: 8_000, secondsMax: 1, scale },
      { kind: "state", input: "state", output: "next", shape: [1] },
    ],
  },
});
const slot = "heard" as ModelName;
const request = {
  slot,
  key: "one",
  frames: [1, 2, 3].map((at) => floats("sound", [1], [at])),
  beside: [floats("state", [1], [0])],
  timeoutMs: 1_000,
};
const valueOf = (bytes: Uint8Array = new Uint8Array(4)) => new Float32Array(Uint8Array.from(bytes).buffer)[0] ?? 0;

/** Answers with the sum of all that it has heard; which bundle does comes from outside. */
function summing(bundleAt: (asked: number) => VerifiedBundle) {
  let asked = 0;
  return {
    infer: async ({ inputs }: InferRequest) => {
      const answering = bundleAt(asked);
      asked += 1;
      const sum = inputs.reduce((total, { bytes }) => total + valueOf(bytes), 0);
      const outputs = [floats("next", [1], [sum])];
      const { model, statement } = answering;
      return Promise.resolve({
        model: model.name,
        version: model.version,
        statement,
        bundle: answering,
        outputs,
        queueMs: 1,
        inferMs: 2,
      });
    },
  };
}

t.test("what the model remembers goes from frame to frame, and the times add up", async (t) => {
  const outcome = await inferFrames(
    summing(() => bundle("a")),
    bundle("a"),
    request,
  );
  if (outcome.kind !== "answered") throw new Error(outcome.kind);
  t.same(
    outcome.frames.map(([next]) => valueOf(next?.bytes)),
    [1, 3, 6],
  );
  t.match(outcome.response, { queueMs: 3, inferMs: 6 });
});

t.test(
  "a version that prepares alike may answer in place of the one that was thought of, from the first frame",
  async (t) => {
    t.match(
      await inferFrames(
        summing(() => bundle("b")),
        bundle("a"),
        request,
      ),
      { kind: "answered" },
    );
    t.match(
      await inferFrames(
        summing(() => bundle("b", 2)),
        bundle("a"),
        request,
      ),
      { kind: "superseded", bundle: { statement: "b".repeat(64) } },
    );
  },
);

t.test("no other version goes on with what one remembers", async (t) =>
  t.match(
    await inferFrames(
      summing((asked) => bundle(asked < 2 ? "a" : "b")),
      bundle("a"),
      request,
    ),
    { kind: "superseded" },
  ),
);

t.test("the time is for all frames together", async (t) =>
  t.rejects(
    inferFrames(
      summing(() => bundle("a")),
      bundle("a"),
      { ...request, timeoutMs: 0 },
    ),
    { failure: "timed-out", message: /after 0 of 3 frames/ },
  ),
);
