import t from "tap";
import { readAccuracy } from "../../../controller/accuracy/read-accuracy.ts";
import type { DeviceId, ModelName } from "../../../protocol/ids.ts";
import { storeOf } from "../../support/stored-telemetry.ts";

const HOUR_MS = 3_600_000;
const START_MS = 500_000 * HOUR_MS;
const judged = (
  device: string,
  seq: number,
  version: string,
  [of, right]: readonly [number, number],
  slot = "digits",
) => ({
  device,
  seq,
  atMs: START_MS + seq * HOUR_MS,
  kind: "inference" as const,
  fields: {
    ...{ slot, version, intervalMs: 10_000, feedbackJudged: of, feedbackRight: right },
    feedbackClasses: JSON.stringify([["7", right, 0, of - right]]),
  },
});

t.test("by version, by device, and in a stretch of time", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    judged("cam-1", 0, "1.9.0", [10, 9]),
    judged("cam-1", 1, "1.10.0", [10, 5]),
    judged("cam-2", 0, "1.10.0", [10, 10]),
    judged("cam-2", 1, "1.0.0", [4, 4], "letters"),
  ]);
  const read = async (more: Partial<Parameters<typeof readAccuracy>[1]>) => {
    const range = { fromMs: START_MS, toMs: START_MS + 5 * HOUR_MS };
    const figures = await readAccuracy(store, { isByDevice: false, ...range, ...more });
    return figures.map(({ model, version, device = "all", devices, accuracy }) =>
      [`${model}@${version}`, device, devices, `${accuracy?.share} of ${accuracy?.of}`].join(" "),
    );
  };
  const digits = "digits" as ModelName;
  t.same(await read({}), [
    "digits@1.10.0 all 2 0.75 of 20",
    "digits@1.9.0 all 1 0.9 of 10",
    "letters@1.0.0 all 1 1 of 4",
  ]);
  t.same(await read({ model: digits, isByDevice: true }), [
    "digits@1.10.0 all 2 0.75 of 20",
    "digits@1.10.0 cam-1 1 0.5 of 10",
    "digits@1.10.0 cam-2 1 1 of 10",
    "digits@1.9.0 all 1 0.9 of 10",
    "digits@1.9.0 cam-1 1 0.9 of 10",
  ]);
  t.same(await read({ model: digits, devices: ["cam-2" as DeviceId] }), ["digits@1.10.0 all 1 1 of 10"]);
  t.same(await read({ fromMs: START_MS + HOUR_MS, model: digits }), ["digits@1.10.0 all 1 0.5 of 10"]);
});
