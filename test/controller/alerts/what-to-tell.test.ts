import t from "tap";
import type { Alert } from "../../../controller/alerts/decide.ts";
import { TOLD_AT_ONCE_MAX, whatToTell, type Told } from "../../../controller/alerts/what-to-tell.ts";
import { alertFiring } from "../../support/alerts.ts";
import { NOW_MS } from "../../support/device-views.ts";

const HOUR_MS = 3_600_000;
const firing = alertFiring("cam-1");
const resolved: Alert = { ...firing, phase: "resolved", resolvedMs: NOW_MS };
const toldOf = (status: Told["status"], agoMs: number, firedMs = firing.firedMs ?? 0) =>
  new Map<string, Told>([[firing.fingerprint, { status, atMs: NOW_MS - agoMs, firedMs }]]);
const silence = { id: 1, untilMs: NOW_MS + 1, by: "ada", comment: "", createdMs: 0 };
const quiet = [{ ...silence, matchers: [{ label: "device", isEqual: true, value: "cam-*" }] }];

const cases = [
  { when: "it fires for the first time", alert: firing, told: new Map<string, Told>(), then: ["firing"] },
  { when: "it was told an hour ago", alert: firing, told: toldOf("firing", HOUR_MS), then: [] },
  { when: "it was told four hours ago", alert: firing, told: toldOf("firing", 4 * HOUR_MS), then: ["firing"] },
  {
    when: "it was told four hours ago, and somebody has it in hand",
    alert: { ...firing, ackedBy: "ada" },
    told: toldOf("firing", 4 * HOUR_MS),
    then: [],
  },
  { when: "it fires again after an end that was told", alert: firing, told: toldOf("resolved", 1), then: ["firing"] },
  { when: "it fires again, and the end was never told", alert: firing, told: toldOf("firing", 1, 1), then: ["firing"] },
  { when: "it is over, and its beginning was told", alert: resolved, told: toldOf("firing", 1), then: ["resolved"] },
  { when: "it is over, and that was told", alert: resolved, told: toldOf("resolved", 1), then: [] },
  { when: "it is over, and nobody ever heard of it", alert: resolved, told: new Map<string, Told>(), then: [] },
  { when: "it is silenced", alert: firing, told: new Map<string, Told>(), silences: quiet, then: [] },
  {
    when: "it is over while it is silenced",
    alert: resolved,
    told: toldOf("firing", 1),
    silences: quiet,
    then: ["resolved"],
  },
];
for (const { when, alert, told, silences = [], then } of cases) {
  t.test(`${then.join() || "nothing"} is told when ${when}`, async (t) => {
    const request = { alerts: [alert], told, silences, repeatMs: 4 * HOUR_MS, repeatsAcknowledged: false };
    t.same(
      whatToTell({ ...request, nowMs: NOW_MS }).map(({ status }) => status),
      then,
    );
  });
}

t.test("an Alertmanager is told again what somebody has in hand: it would forget it", async (t) => {
  const alerts = [{ ...firing, ackedBy: "ada" }];
  const request = { alerts, told: toldOf("firing", 60_000), silences: [], repeatMs: 60_000, repeatsAcknowledged: true };
  t.equal(whatToTell({ ...request, nowMs: NOW_MS }).length, 1);
});

t.test("one message has a bound, and what is worst is in it", async (t) => {
  const many = Array.from({ length: 2 * TOLD_AT_ONCE_MAX }, (_, at) => alertFiring(`cam-${at}`));
  const worst: Alert = { ...alertFiring("last"), severity: "critical" };
  const request = { alerts: [...many, worst], told: new Map(), silences: [], repeatMs: 1, repeatsAcknowledged: false };
  const tellings = whatToTell({ ...request, nowMs: NOW_MS });
  t.equal(tellings.length, TOLD_AT_ONCE_MAX);
  t.equal(tellings[0]?.alert.fingerprint, worst.fingerprint);
});
