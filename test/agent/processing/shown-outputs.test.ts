import t from "tap";
import { shownOutputs } from "../../../agent/processing/shown-outputs.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import { floats } from "../../support/model-folders.ts";
import { digitsFolder } from "../../support/model-folders.ts";

const model: ModelJson = {
  ...digitsFolder("1.1.0").model,
  preprocessing: [{ kind: "state", input: "state", output: "next", shape: [1] }],
  postprocessing: [{ kind: "segments", output: "score", threshold: 0.5 }],
};
const frame = (at: number) => [
  floats("score", [1], [at]),
  floats("next", [1], [at * 10]),
  floats("heard", [2], [at, at]),
];

t.test("what a result tells of is not shown, unless it is asked for", async (t) => {
  t.same(
    shownOutputs(model, [frame(1)], undefined).map(({ name }) => name),
    ["next", "heard"],
  );
  t.same(shownOutputs(model, [frame(1)], ["score"]), [frame(1)[0]]);
});

t.test("of frames, the last state is shown, and all of the rest", async (t) => {
  const [next, heard] = shownOutputs(model, [frame(1), frame(2), frame(3)], undefined);
  t.match(next, { name: "next", shape: [1] });
  t.same([...new Float32Array(Uint8Array.from(next?.bytes ?? []).buffer)], [30]);
  t.match(heard, { name: "heard", shape: [3, 2] });
  t.same([...new Float32Array(Uint8Array.from(heard?.bytes ?? []).buffer)], [1, 1, 2, 2, 3, 3]);
});

t.test("frames of different shapes have no tensor together", async (t) => {
  const uneven = [[floats("heard", [1], [1])], [floats("heard", [2], [1, 2])]];
  t.same(shownOutputs(model, uneven, undefined), []);
});
