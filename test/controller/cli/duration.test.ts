import t from "tap";
import { durationMs } from "../../../controller/cli/duration.ts";

const times: readonly [string, number][] = [
  ["90", 90_000],
  ["90s", 90_000],
  ["500ms", 500],
  ["1.5m", 90_000],
  ["2h", 7_200_000],
  ["1d", 86_400_000],
];
for (const [text, ms] of times) t.test(`${text} is ${String(ms)} ms`, async (t) => t.equal(durationMs(text), ms));

for (const text of ["", "0", "-1", "soon", "5 m", "1w", "0.1ms"]) {
  t.test(`${JSON.stringify(text)} is no time`, async (t) => {
    t.throws(() => durationMs(text), { code: "usage", exitCode: 2 });
  });
}
