import t from "tap";
import type { AlertRule } from "../../../controller/alerts/alert-rule.ts";
import { decideAlerts, isFlapping, type Alert } from "../../../controller/alerts/decide.ts";
import { NOW_MS } from "../../support/device-views.ts";

const MINUTE_MS = 60_000;
const RULE: AlertRule = {
  name: "errors",
  metric: "error_ratio",
  is: ">",
  threshold: 0.02,
  forMs: 5 * MINUTE_MS,
  severity: "warning",
  enabled: true,
};
const digits = { model: "digits", version: "1.0.0" };

/** A fleet whose error ratio is a function of the minute; looked at every minute, through a database of JSON. */
function history(values: readonly (number | undefined)[], rule = RULE) {
  let before = new Map<string, Alert>();
  const phases: (string | undefined)[] = [];
  const told: string[] = [];
  values.forEach((value, minute) => {
    const samples = value === undefined ? [] : [{ metric: rule.metric, labels: digits, value }];
    const { alerts, changed } = decideAlerts({ rules: [rule], samples, before, nowMs: NOW_MS + minute * MINUTE_MS });
    before = new Map(alerts.map((alert) => [alert.fingerprint, JSON.parse(JSON.stringify(alert)) as Alert]));
    phases.push(alerts[0]?.phase);
    told.push(...changed.map(({ phase }) => `${minute} ${phase}`));
  });
  return { phases, told, last: [...before.values()][0] };
}
const repeat = (count: number, value: number | undefined) => Array.from({ length: count }, () => value);

t.test("it fires when the condition held for as long as the rule says, and tells it once", async (t) => {
  const { phases, told } = history(repeat(9, 0.1));
  t.same(phases.slice(0, 6), ["pending", "pending", "pending", "pending", "pending", "firing"]);
  t.same(told, ["5 firing"]);
});

t.test("one good minute begins the wait anew", async (t) => {
  t.same(history([0.1, 0.1, 0.1, 0.1, 0, 0.1, 0.1, 0.1, 0.1]).told, []);
});

t.test("without a duration it fires at once", async (t) => {
  t.same(history([0.1], { ...RULE, forMs: 0 }).told, ["0 firing"]);
});

t.test("it resolves when the condition has not held for two minutes, and tells it once", async (t) => {
  t.same(history([...repeat(6, 0.1), ...repeat(5, 0)]).told, ["5 firing", "8 resolved"]);
});

t.test("one good minute amid bad ones is no end", async (t) => {
  t.same(history([...repeat(6, 0.1), 0, 0.1, 0, 0.1, 0.1]).told, ["5 firing"]);
});

t.test("what is not measured any more counts as over", async (t) => {
  t.same(history([...repeat(6, 0.1), ...repeat(4, undefined)]).told, ["5 firing", "8 resolved"]);
});

t.test(
  "what comes and goes three times within an hour flaps: it is over only after half an hour of quiet",
  async (t) => {
    const bout = [0.1, 0, 0, 0, 0];
    const { told, last } = history([...bout, ...bout, ...bout, ...repeat(40, 0)], { ...RULE, forMs: 0 });
    t.same(told, ["0 firing", "3 resolved", "5 firing", "8 resolved", "10 firing", "41 resolved"]);
    t.ok(last !== undefined && isFlapping(last));
  },
);

t.test("a rule that is turned off, or is about other labels, fires for nothing", async (t) => {
  t.same(history(repeat(9, 0.1), { ...RULE, enabled: false }).told, []);
  t.same(history(repeat(9, 0.1), { ...RULE, match: { model: "other" } }).told, []);
  t.same(history(repeat(9, 0.1), { ...RULE, match: { model: "digits" } }).told, ["5 firing"]);
});

for (const { is, value, fires } of [
  { is: ">", value: 0.02, fires: false },
  { is: ">=", value: 0.02, fires: true },
  { is: "<", value: 0.02, fires: false },
  { is: "<=", value: 0.02, fires: true },
  { is: "<", value: 0.01, fires: true },
] as const) {
  t.test(`${value} ${is} 0.02 is ${fires}`, async (t) => {
    t.same(history([value], { ...RULE, is, forMs: 0 }).told, fires ? ["0 firing"] : []);
  });
}

t.test("a clock that was set back makes no alert wait for longer", async (t) => {
  const samples = [{ metric: RULE.metric, labels: digits, value: 1 }];
  const first = decideAlerts({ rules: [RULE], samples, before: new Map(), nowMs: NOW_MS });
  const before = new Map(first.alerts.map((alert) => [alert.fingerprint, alert]));
  const back = decideAlerts({ rules: [RULE], samples, before, nowMs: NOW_MS - 3_600_000 });
  t.match(back.alerts, [{ phase: "firing" }]);
});

t.test("a device whose site changes has the same alert; another device has one of its own", async (t) => {
  const rule = { ...RULE, metric: "device_offline_seconds" as const, forMs: 0 };
  const sample = (device: string, site: string) => ({ metric: rule.metric, labels: { device, site }, value: 9_999 });
  const look = (samples: ReturnType<typeof sample>[]) =>
    decideAlerts({ rules: [rule], samples, before: new Map(), nowMs: NOW_MS }).alerts.map((a) => a.fingerprint);
  t.same(look([sample("cam-1", "oslo")]), look([sample("cam-1", "bergen")]));
  t.equal(new Set(look([sample("cam-1", "oslo"), sample("cam-2", "oslo")])).size, 2);
});

t.test("what was over for a day is forgotten, and a person's word lasts until it is over", async (t) => {
  const { last } = history([...repeat(6, 0.1), ...repeat(5, 0)]);
  if (last === undefined) throw new Error("it is remembered for a day");
  const forgotten = decideAlerts({
    rules: [RULE],
    samples: [],
    before: new Map([[last.fingerprint, last]]),
    nowMs: NOW_MS + 26 * 3_600_000,
  });
  t.same(forgotten.alerts, []);
  const firing: Alert = { ...last, phase: "firing", resolvedMs: null, ackedBy: "ada" };
  const before = new Map([[firing.fingerprint, firing]]);
  const look = (value: number, afterMs: number, from = before) =>
    decideAlerts({
      rules: [RULE],
      samples: [{ metric: RULE.metric, labels: digits, value }],
      before: from,
      nowMs: NOW_MS + afterMs,
    }).alerts;
  t.match(look(1, 3_600_000), [{ phase: "firing", ackedBy: "ada" }]);
  const clearing = new Map(look(0, 3_600_000).map((alert) => [alert.fingerprint, alert]));
  t.match(look(0, 3_900_000, clearing), [{ phase: "resolved", ackedBy: null }]);
});
