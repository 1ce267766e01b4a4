import t from "tap";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { shapeMistakes } from "../../../controller/rollout/spec-shape.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";

const spec = completeSpec({ model: "digits" as ModelName, version: "1.0.0" as ModelVersion });

const cases: readonly (readonly [change: object, place: string, says: RegExp])[] = [
  [{ retries: 200 }, "retries", /^200 is too much: at most 10$/],
  [{ rate: { perMinute: 0, concurrent: null } }, "rate.perMinute", /^0 is too little: at least 1$/],
  [{ gateMsMax: 30 * 86_400_000 }, "gateMsMax", /^30d is too much: at most 7d$/],
  [{ window: { cron: "0 2 * * *", durationMs: 5, timezone: "UTC" } }, "window.durationMs", /^5ms is too .* 1m$/],
  [{ name: "Digits" }, "name", /^"Digits" has characters that do not belong here: a name has/],
  [{ colour: "blue" }, "colour", /^is not a field that is known here$/],
  [{ priority: 1.5 }, "priority", /integer/],
  [{ stages: [] }, "stages", /fewer than 1/],
  [{ follow: undefined }, "follow", /boolean/],
];
for (const [change, place, says] of cases) {
  t.test(`${JSON.stringify(change)} is one mistake, at ${place}`, async (t) => {
    const mistakes = shapeMistakes({ ...spec, ...change });
    t.same(
      mistakes.map(({ path }) => path.join(".")),
      [place],
    );
    t.match(mistakes[0]?.text, says);
  });
}

t.test("a whole specification has none", async (t) => t.same(shapeMistakes(spec), []));

t.test("what is no specification at all is one", async (t) => {
  for (const other of [null, 5, "text", []]) t.not(shapeMistakes(other).length, 0);
});
