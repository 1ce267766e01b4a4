import t from "tap";
import { systemClock } from "../../../common/clock.ts";
import { testReceivers } from "../../../controller/alerts/test-receivers.ts";
import { FLEET } from "../../support/device-views.ts";

t.test("a receiver that nobody answers for is named with the reason, and without what its path may hold", async (t) => {
  const answers = await testReceivers({ fleet: FLEET, externalUrl: "http://127.0.0.1:1", clock: systemClock }, [
    { name: "gone", kind: "webhook", url: "http://127.0.0.1:1/secret-path" },
  ]);
  t.match(answers, [{ name: "gone", url: "http://127.0.0.1:1", isSigned: false, problem: /./ }]);
});
