import type { Clock } from "../../../common/clock.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { FleetId } from "../../../protocol/ids.ts";
import type { AlertBook } from "../../alerts/alert-book.ts";
import { subjectOf, summaryOf } from "../../alerts/alert-message.ts";
import { nextStep } from "../../alerts/alert-metrics.ts";
import { isFlapping, type Alert } from "../../alerts/decide.ts";
import type { ReceiverConfig } from "../../alerts/receiver-config.ts";
import { isSilenced, matcherText, type Silence } from "../../alerts/silence.ts";
import { testReceivers } from "../../alerts/test-receivers.ts";
import { METRIC_LIST, type ALERT_ROUTES, type AlertView, type SilenceView } from "../alert-routes.ts";
import type { Handlers } from "../bind-routes.ts";

export interface AlertHandlerPorts {
  readonly book: AlertBook;
  readonly fleet: FleetId;
  readonly receivers: readonly ReceiverConfig[];
  readonly externalUrl: string;
  readonly clock: Clock;
}

export function alertHandlers(ports: AlertHandlerPorts): Pick<Handlers, keyof typeof ALERT_ROUTES> {
  const { book, receivers, clock } = ports;
  const view = (alert: Alert) => viewOf(alert, isSilenced(alert, book.silences(), clock.nowMs()));
  return {
    listAlerts: () => {
      const nowMs = clock.nowMs();
      return Promise.resolve({
        alerts: [...book.alerts().values()].map(view).sort((a, b) => rank(a) - rank(b) || b.sinceMs - a.sinceMs),
        silences: book
          .silences()
          .filter(({ untilMs }) => untilMs > nowMs)
          .map(silenceView),
        brokenRules: [...book.rules().broken],
      });
    },
    acknowledgeAlert: async ({ params }, { operator, audit }) => {
      const alert = oneAlert(book, params.alert);
      const acked = { ...alert, ackedBy: operator.name };
      const rest = [...book.alerts().values()].filter((other) => other.fingerprint !== alert.fingerprint);
      await book.replace([...rest, acked], audit({ target: `alert ${alert.rule}`, detail: summaryOf(alert) }));
      return view(acked);
    },
    silenceAlerts: async ({ body: { matchers, seconds, comment = "" } }, { operator, audit }) => {
      const nowMs = clock.nowMs();
      const silence = await book.addSilence(
        { matchers, untilMs: nowMs + 1_000 * seconds, by: operator.name, comment, createdMs: nowMs },
        audit({ target: `silence ${matchers.map(matcherText).join(", ")}`, detail: `${seconds} s; ${comment}` }),
      );
      const active = [...book.alerts().values()].filter(({ phase }) => phase === "firing");
      return {
        silence: silenceView(silence),
        alerts: active.filter((one) => isSilenced(one, [silence], nowMs)).length,
      };
    },
    unsilenceAlerts: async ({ params: { silence } }, { audit }) => {
      await book.endSilence(silence, audit({ target: `silence ${silence}` }));
      return { id: silence };
    },
    listAlertRules: () => Promise.resolve({ rules: [...book.rules().rules], metrics: METRIC_LIST }),
    setAlertRules: async ({ body: { rules } }, { audit }) => {
      const names = rules.map(({ name }) => name);
      await book.setRules(rules, clock.nowMs(), audit({ target: "alert rules", detail: names.join(", ") }));
      return { names };
    },
    deleteAlertRule: async ({ params: { rule } }, { audit }) => {
      await book.deleteRule(rule, audit({ target: `alert rule ${rule}` }));
      return { name: rule };
    },
    testAlertReceivers: async () => ({ receivers: await testReceivers(ports, receivers) }),
  };
}

/** By the beginning of its id. Throws `not-found`, `ambiguous`. */
function oneAlert(book: AlertBook, prefix: string): Alert {
  const found = [...book.alerts().values()].filter(
    ({ fingerprint, phase }) => fingerprint.startsWith(prefix) && phase === "firing",
  );
  const [alert] = found;
  if (alert !== undefined && found.length === 1) return alert;
  if (alert !== undefined) {
    throw new FerryError("ambiguous", `${found.length} alerts begin with ${prefix}`, {
      hint: "Give more of the id; `ferry alerts list -o wide` shows all of it.",
      exitCode: EXIT.conflict,
    });
  }
  throw new FerryError("not-found", `No firing alert begins with ${prefix}`, {
    hint: "See them with `ferry alerts list`.",
    exitCode: EXIT.notFound,
  });
}

function viewOf(alert: Alert, silenced: boolean): AlertView {
  const { fingerprint: id, rule, severity, phase: state, labels, metric, value, threshold, ackedBy } = alert;
  const sinceMs = { pending: alert.sinceMs, firing: alert.firedMs, resolved: alert.resolvedMs }[state] ?? alert.sinceMs;
  return {
    id,
    rule,
    severity,
    state,
    subject: subjectOf(labels),
    labels,
    metric,
    value,
    threshold,
    summary: summaryOf(alert),
    next: alert.next ?? nextStep(metric, labels),
    sinceMs,
    isFlapping: isFlapping(alert),
    isSilenced: silenced,
    ...(ackedBy === null ? {} : { ackedBy }),
  };
}

function silenceView({ id, matchers, untilMs, by, comment }: Silence): SilenceView {
  return { id, matchers: [...matchers], untilMs, by, comment };
}

function rank({ state, severity }: AlertView): number {
  return 10 * { firing: 0, pending: 1, resolved: 2 }[state] + { critical: 0, warning: 1, note: 2 }[severity];
}
