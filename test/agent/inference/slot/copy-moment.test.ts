import t from "tap";
import { copyMoment, QUIET_MS, REQUESTS_PER_FORCED_COPY } from "../../../../agent/inference/slot/copy-moment.ts";

const still = { underWay: 0, sinceRequestMs: QUIET_MS, sinceForced: 0 };
const cases = [
  { when: "nobody has asked for a while", given: still, then: "quiet" },
  { when: "somebody has asked just now", given: { ...still, sinceRequestMs: QUIET_MS - 1 }, then: "wait" },
  { when: "somebody waits", given: { ...still, underWay: 1 }, then: "wait" },
  {
    when: "somebody waits, and so many have asked that one more delay shows nowhere",
    given: { underWay: 1, sinceRequestMs: 0, sinceForced: REQUESTS_PER_FORCED_COPY },
    then: "forced",
  },
] as const;
for (const { when, given, then } of cases) {
  t.test(`${then} when ${when}`, async (t) => {
    t.equal(copyMoment(given), then);
  });
}

t.test("fewer than one request in a hundred meets a copy", async (t) => {
  let copies = 0;
  for (let [request, sinceForced] = [0, 0]; request < 10_000; request += 1) {
    sinceForced += 1;
    if (copyMoment({ underWay: 1, sinceRequestMs: 0, sinceForced }) === "wait") continue;
    copies += 1;
    sinceForced = 0;
  }
  t.ok(copies > 50 && copies < 100, String(copies));
});
