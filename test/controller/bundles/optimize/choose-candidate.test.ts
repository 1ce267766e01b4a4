import t from "tap";
import { chooseCandidate } from "../../../../controller/bundles/optimize/choose-candidate.ts";
import type { CandidateFigures } from "../../../../controller/bundles/optimize/compare-models.ts";

const figures = (name: string, p50Ms: number, passedCases = 2): CandidateFigures => ({
  name,
  p50Ms,
  passedCases,
  cases: 2,
  sizeBytes: 1,
  loadMs: 1,
  p95Ms: p50Ms,
  neededTolerance: 0,
});
const before = figures("as it is", 10);

for (const { when, given, then } of [
  { when: "it is the only one", given: [figures("weights", 10)], then: "weights" },
  { when: "integers are clearly faster", given: [figures("weights", 10), figures("dynamic", 8.9)], then: "dynamic" },
  {
    when: "integers are as fast within noise",
    given: [figures("weights", 10), figures("dynamic", 9.1)],
    then: "weights",
  },
  { when: "integers are fast but wrong", given: [figures("weights", 10), figures("dynamic", 1, 1)], then: "weights" },
  { when: "only integers pass", given: [figures("weights", 1, 0), figures("dynamic", 10)], then: "dynamic" },
  { when: "none passes", given: [figures("weights", 10, 0), figures("dynamic", 1, 0)], then: "weights" },
]) {
  t.test(`${then} where ${when}`, async (t) => t.equal(chooseCandidate([before, ...given]), then));
}

t.test("nothing where there is nothing", async (t) => t.equal(chooseCandidate([before]), undefined));
