import t from "tap";
import { presenceOf } from "../../../controller/reports/presence-spans.ts";
import type { DeviceId } from "../../../protocol/ids.ts";

const id = "cam-1" as DeviceId;
/** Hours of a window from 0 to 24. */
const window = { fromMs: 0, toMs: 24 };
const went = (atMs: number) => ({ atMs, online: false });
const came = (atMs: number) => ({ atMs, online: true });

const cases = [
  {
    when: "nothing changed and it is there",
    known: { online: true, onlineSinceMs: -5 },
    changes: [],
    then: { onlineMs: 24, losses: 0 },
  },
  {
    when: "nothing changed and it is away",
    known: { online: false, onlineSinceMs: -5 },
    changes: [],
    then: { onlineMs: 0, losses: 0 },
  },
  {
    when: "it was away for two hours",
    known: { online: true, onlineSinceMs: 12 },
    changes: [went(10), came(12)],
    then: { onlineMs: 22, losses: 1 },
  },
  {
    when: "it went and is away",
    known: { online: false, onlineSinceMs: 18 },
    changes: [went(18)],
    then: { onlineMs: 18, losses: 1 },
  },
  {
    when: "it came for the first time",
    known: { online: true, onlineSinceMs: 20, firstSeenMs: 20 },
    changes: [came(20)],
    then: { onlineMs: 4, knownMs: 4, losses: 0 },
  },
  {
    when: "the history has forgotten when it went",
    known: { online: false, onlineSinceMs: 6 },
    changes: [],
    then: { onlineMs: 6, losses: 1 },
  },
  {
    when: "the same is said twice",
    known: { online: false, onlineSinceMs: 18 },
    changes: [went(18), went(19)],
    then: { onlineMs: 18, losses: 1 },
  },
];
for (const { when, known, changes, then } of cases) {
  t.test(`${then.onlineMs} of 24 hours when ${when}`, async (t) => {
    const presence = presenceOf({ id, firstSeenMs: -100, ...known }, changes, window);
    t.match(presence, then);
    const covered = presence.spans.reduce((sum, span) => sum + span.toMs - span.fromMs, 0);
    t.equal(covered, presence.knownMs, "without a hole");
  });
}
