import t from "tap";
import { spanText, triesText } from "../../../controller/rollout/tries-text.ts";
import { facts } from "../../support/rollout-situations.ts";

t.test("a device that took too long says how long, how often and how far", async (t) => {
  const { spec } = facts({}, { deploymentMsMax: 1_800_000 });
  t.equal(triesText("done", spec, 0, "transferring"), "not done within 30 min, tried once: transferring");
  t.equal(triesText("back", spec, 2, "verifying"), "not back within 30 min, tried 3 times: verifying");
});

t.test("a span stands in the largest unit that leaves no rest", async (t) => {
  t.same([7_200_000, 5_400_000, 90_000, 1_500].map(spanText), ["2 h", "90 min", "90 s", "1500 ms"]);
});
