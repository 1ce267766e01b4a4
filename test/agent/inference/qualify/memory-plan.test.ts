import t from "tap";
import {
  estimatedNeedBytes,
  fittingInstances,
  leastNeedBytes,
  MEMORY_RESERVE_BYTES,
  planMemory,
} from "../../../../agent/inference/qualify/memory-plan.ts";

const MEGABYTE = 1e6;
const facts = {
  availableBytes: 0,
  needBytes: 100 * MEGABYTE,
  leastBytes: 60 * MEGABYTE,
  standbyBytes: 0,
  isServing: true,
};
const justEnough = facts.needBytes + MEMORY_RESERVE_BYTES;

const cases = [
  { when: "both fit", given: { availableBytes: justEnough }, then: "load-first" },
  { when: "a byte is missing", given: { availableBytes: justEnough - 1 }, then: "unload-first" },
  {
    when: "nothing could be unloaded and it may fit",
    given: { isServing: false, availableBytes: facts.leastBytes + MEMORY_RESERVE_BYTES },
    then: "load-first",
  },
  {
    when: "nothing could be unloaded and it cannot fit",
    given: { isServing: false, availableBytes: facts.leastBytes + MEMORY_RESERVE_BYTES - 1 },
    then: "refuse",
  },
  { when: "nobody can tell what is free", given: { availableBytes: undefined }, then: "load-first" },
  {
    when: "the standby gives what is missing",
    given: { availableBytes: justEnough - 40 * MEGABYTE, standbyBytes: 40 * MEGABYTE },
    then: "unload-standby",
  },
  {
    when: "the standby does not give enough",
    given: { availableBytes: justEnough - 41 * MEGABYTE, standbyBytes: 40 * MEGABYTE },
    then: "unload-first",
  },
] as const;
for (const { when, given, then } of cases) {
  t.test(`${then} when ${when}`, async (t) => {
    t.equal(planMemory({ ...facts, ...given }), then);
  });
}

t.test("as many runners as fit beside the reserve, and at least one", async (t) => {
  const needBytes = 100 * MEGABYTE;
  t.equal(fittingInstances(4, needBytes, MEMORY_RESERVE_BYTES + 4 * needBytes), 4);
  t.equal(fittingInstances(4, needBytes, MEMORY_RESERVE_BYTES + 4 * needBytes - 1), 3);
  t.equal(fittingInstances(4, needBytes, 0), 1);
  t.equal(fittingInstances(4, needBytes, undefined), 4, "nobody can tell what is free");
});

t.test("a bundle that was never loaded is estimated above what was measured, and at the least below it", async (t) => {
  // Private memory at the peak, measured on onnxruntime 1.27: digits, silero, a recogniser of text, 100 and 300 MB of weights.
  const measured = [
    { bundleBytes: 0.05 * MEGABYTE, peakBytes: 32 * MEGABYTE },
    { bundleBytes: 2.3 * MEGABYTE, peakBytes: 47 * MEGABYTE },
    { bundleBytes: 10.8 * MEGABYTE, peakBytes: 69 * MEGABYTE },
    { bundleBytes: 100 * MEGABYTE, peakBytes: 224 * MEGABYTE },
    { bundleBytes: 300 * MEGABYTE, peakBytes: 343 * MEGABYTE },
  ];
  for (const { bundleBytes, peakBytes } of measured) {
    t.ok(estimatedNeedBytes(bundleBytes) >= peakBytes);
    t.ok(leastNeedBytes(bundleBytes) <= peakBytes);
  }
});
