import t from "tap";
import { judgeDevice } from "../../../controller/rollout/judge-device.ts";
import { deviceView, NOW_MS, reportOf, serving, slotFor, statement } from "../../support/device-views.ts";
import type { ModelName } from "../../../protocol/ids.ts";

const digits = "digits" as ModelName;
const tuned = { threshold: 0.6 };

/** A device that was asked for parameters, and says which are in force. */
function device(asked: Record<string, number> | undefined, inForce: Record<string, number> | undefined) {
  const slot = serving("a", "1.0.0");
  const active = slot.active === undefined ? undefined : { ...slot.active, ...(inForce && { params: inForce }) };
  const wished = { ...slotFor("a", "1.0.0"), ...(asked && { params: asked }) };
  return deviceView("cam-1", {
    deployment: { device: "cam-1" as never, seq: 3, slots: [wished] },
    report: reportOf("cam-1", { seq: 3, slots: [active === undefined ? slot : { ...slot, active }] }),
  });
}

const cases = [
  { when: "it says that they are in force", asked: tuned, inForce: tuned, then: "done" },
  { when: "its report has others yet", asked: tuned, inForce: { threshold: 0.5 }, then: "under-way" },
  { when: "its report has none yet", asked: tuned, inForce: undefined, then: "under-way" },
  { when: "its deployment asks for none", asked: undefined, inForce: undefined, then: "not-asked" },
];
for (const { when, asked, inForce, then } of cases) {
  t.test(`a device that is to set parameters is ${then} when ${when}`, async (t) => {
    const wish = { slot: digits, statement: statement("a"), params: tuned };
    t.equal(judgeDevice(wish, 3, device(asked, inForce), NOW_MS).kind, then);
  });
}
