import t from "tap";
import { computeRequests } from "../../../../agent/inference/runner/compute-requests.ts";
import { openOnnxSession } from "../../../../common/onnx-session.ts";
import { digitsFolder, floats, writePlusOne, writeRoot } from "../../../support/model-folders.ts";
import { readDigits } from "../../../support/digits.ts";
import type { VerifiedBundle } from "../../../../agent/inference/inference-engine.ts";

/** The real model, and how often it was run. */
async function sessionOf({ directory, model }: VerifiedBundle) {
  const session = await openOnnxSession(`${directory}/${model.file}`, { intraOpThreads: 1 });
  const counted = {
    runs: 0,
    run: (...args: Parameters<typeof session.run>) => ((counted.runs += 1), session.run(...args)),
  };
  return counted;
}

const values = (outcome: object | undefined) =>
  outcome !== undefined && "outputs" in outcome
    ? [...new Float32Array(new Uint8Array((outcome.outputs as { bytes: Uint8Array }[])[0]?.bytes ?? []).buffer)]
    : outcome;

t.test("a batch is answered as its requests alone, by one run of the model", async (t) => {
  const session = await sessionOf(digitsFolder("1.0.0"));
  const requests = readDigits()
    .slice(0, 20)
    .map(({ pixels }) => [floats("pixels", [1, 64], pixels)]);
  const together = await computeRequests({ session, ranges: {} }, { requests, outputs: undefined });
  t.equal(session.runs, 1);
  t.ok(together.every((outcome) => outcome.kind === "outputs" && outcome.batchSize === requests.length));
  for (const [at, inputs] of requests.entries()) {
    const [alone] = await computeRequests({ session, ranges: {} }, { requests: [inputs], outputs: undefined });
    const [a, b] = [values(alone), values(together[at])] as [number[], number[]];
    t.equal(b.length, 10);
    t.ok(a.every((value, digit) => Math.abs(value - (b[digit] ?? Infinity)) < 1e-5));
  }
});

t.test("a request that the model refuses fails alone: its mates are answered", async (t) => {
  const session = await sessionOf(digitsFolder("1.0.0"));
  const good = [floats("pixels", [1, 64], new Array<number>(64).fill(1))];
  const bad = [{ ...floats("pixels", [1, 64], []), bytes: new Uint8Array(7) }];
  const outcomes = await computeRequests({ session, ranges: {} }, { requests: [good, bad, good], outputs: undefined });
  t.match(outcomes, [
    { kind: "outputs", batchSize: 1 },
    { kind: "refused", code: "onnx-tensor", message: /holds 7 bytes/ },
    { kind: "outputs", batchSize: 1 },
  ]);
});

t.test("what is wrong with an answer is said of the request that it belongs to", async (t) => {
  const session = await sessionOf(await writeRoot(t.testdir(), [4]));
  const requests = [[floats("x", [1], [4])], [floats("x", [2], [9, -1])], [floats("x", [1], [NaN])]];
  const outcomes = await computeRequests({ session, ranges: {} }, { requests, outputs: ["y"] });
  t.equal(session.runs, 1);
  t.match(outcomes, [{ fault: undefined }, { fault: "not-finite" }, { fault: undefined }]);
  t.same(outcomes.map(values), [[2], [3, NaN], [NaN]]);
});

t.test("a model that answers otherwise than row by row is asked for each request alone", async (t) => {
  const session = await sessionOf(await writePlusOne(t.testdir()));
  const requests = [[floats("x", [1], [1])], [floats("x", [1], [2])]];
  const folded = {
    run: async (...args: Parameters<typeof session.run>) => {
      const [y] = await session.run(...args);
      return y === undefined ? [] : [{ ...y, shape: [1], bytes: y.bytes.subarray(0, 4) }];
    },
  };
  t.same((await computeRequests({ session: folded, ranges: {} }, { requests, outputs: undefined })).map(values), [
    [2],
    [3],
  ]);
});
