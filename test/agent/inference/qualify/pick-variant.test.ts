import t from "tap";
import { pickVariant } from "../../../../agent/inference/qualify/pick-variant.ts";

const cases = [
  { when: "there is none", figures: [], then: undefined },
  { when: "none passed", figures: [["default"], ["int8"]], then: undefined },
  { when: "only the default passed", figures: [["default", 9], ["int8"]], then: "default" },
  {
    when: "another is the fastest",
    figures: [
      ["default", 9],
      ["fp16", 5],
      ["int8", 4],
    ],
    then: "int8",
  },
  { when: "the default did not pass", figures: [["default"], ["fp16", 5]], then: "fp16" },
  {
    when: "the others gain less than 5 %",
    figures: [
      ["default", 10],
      ["fp16", 9.6],
      ["int8", 9.51],
    ],
    then: "default",
  },
  {
    when: "the gain is above 5 %",
    figures: [
      ["default", 10],
      ["fp16", 9.4],
    ],
    then: "fp16",
  },
] as const;
for (const { when, figures, then } of cases) {
  t.test(`${String(then)} where ${when}`, async (t) => {
    const measured = figures.map(([name, latencyP95Ms]) => ({
      name,
      ...(latencyP95Ms === undefined ? { why: "it differs" } : { latencyP95Ms }),
    }));
    t.equal(pickVariant(measured), then);
  });
}
