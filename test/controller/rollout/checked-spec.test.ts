import t from "tap";
import { checkedSpec } from "../../../controller/rollout/checked-spec.ts";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";

const request = { model: "digits" as ModelName, version: "1.0.0" as ModelVersion };

t.test("a request that makes sense becomes a whole specification", async (t) => {
  t.same(checkedSpec(request, 0), completeSpec(request));
});

t.test("one that does not is refused with every place", async (t) => {
  const stage = { name: "part", take: { kind: "share", share: 0.5, min: 1 }, soakMs: 0, approval: "none" } as const;
  const wrong = { ...request, selector: "site=", stages: [stage] };
  t.throws(() => checkedSpec(wrong, 0), {
    code: "bad-rollout",
    exitCode: 2,
    message: /\n {2}selector: .*expected a label value.*\n {2}stages\[0\]\.take: the last stage takes 50%/,
  });
});
