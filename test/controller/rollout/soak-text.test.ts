import t from "tap";
import { soakText } from "../../../controller/rollout/soak-text.ts";

t.test("says how a version does that has all of the traffic", async (t) => {
  t.equal(soakText({ requests: 90, failed: 1 }), "90 requests, 1 failed");
});

t.test("says how both do, and how often they agree", async (t) => {
  const former = { requests: 910, failed: 0 };
  const split = { kind: "split", share: 0.1 } as const;
  t.equal(
    soakText({ requests: 90, failed: 1, traffic: split, former, compared: 200, alike: 199 }),
    "split: 10%, 90 requests, 1 failed (former: 910, 0 failed), 199 of 200 alike",
  );
  const shadow = { kind: "shadow", share: 1 } as const;
  t.equal(
    soakText({ requests: 90, failed: 0, traffic: shadow, former, copiesDropped: 820 }),
    "shadow, 90 copies, 0 failed (former: 910, 0 failed), 820 copies dropped",
  );
});
