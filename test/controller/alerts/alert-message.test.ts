import t from "tap";
import { alertmanagerMessage, subjectOf, summaryOf, webhookMessage } from "../../../controller/alerts/alert-message.ts";
import type { Alert } from "../../../controller/alerts/decide.ts";
import { alertFiring } from "../../support/alerts.ts";
import { FLEET, NOW_MS } from "../../support/device-views.ts";

const firing = alertFiring("cam-1");
const over: Alert = { ...alertFiring("cam-2"), phase: "resolved", resolvedMs: NOW_MS };
const options = { fleet: FLEET, receiver: "pager", externalUrl: "https://ferry.example", nowMs: NOW_MS };

t.test("a webhook gets the shape of Alertmanager's version 4", async (t) => {
  const message = webhookMessage(
    [
      { alert: firing, status: "firing" },
      { alert: over, status: "resolved" },
    ],
    options,
  );
  t.match(message, {
    version: "4",
    status: "firing",
    receiver: "pager",
    groupLabels: { fleet: FLEET },
    commonLabels: { alertname: "device-offline", severity: "warning", fleet: FLEET, example_com_site: "oslo" },
    externalURL: "https://ferry.example",
    truncatedAlerts: 0,
  });
  t.notMatch(message.commonLabels, { device: /./ }, "what differs is not common");
  t.match(message.alerts, [
    {
      status: "firing",
      labels: { device: "cam-1" },
      annotations: {
        summary: "cam-1: device_offline_seconds is 30 min (device-offline, threshold 15 min)",
        next: /ferry device show cam-1/,
      },
      startsAt: "2026-11-21T11:45:00.000Z",
      endsAt: "0001-01-01T00:00:00Z",
      fingerprint: firing.fingerprint,
    },
    { status: "resolved", endsAt: "2026-11-21T12:00:00.000Z" },
  ]);
});

t.test("an Alertmanager believes a firing alert for five minutes", async (t) => {
  const [alert] = alertmanagerMessage([{ alert: firing, status: "firing" }], options);
  t.equal(alert?.endsAt, "2026-11-21T12:05:00.000Z");
});

t.test("an alert is named by what it is about", async (t) => {
  t.equal(subjectOf({ model: "digits", version: "1.0.0" }), "digits@1.0.0");
  t.equal(subjectOf({ rollout: "7", model: "digits" }), "rollout 7");
  t.equal(subjectOf({}), "fleet");
  t.match(summaryOf({ ...firing, metric: "error_ratio", value: 0.053, threshold: 0.02 }), "5.3 %");
});
