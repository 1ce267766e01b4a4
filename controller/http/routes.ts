import { ACCURACY_ROUTES } from "./accuracy-routes.ts";
import { ALERT_ROUTES } from "./alert-routes.ts";
import { BUNDLE_ROUTES } from "./bundle-routes.ts";
import { DEVICE_ROUTES } from "./device-routes.ts";
import { DRIFT_ROUTES } from "./drift-routes.ts";
import { ENROL_ROUTES } from "./enrol-routes.ts";
import { EXPERIMENT_ROUTES } from "./experiment-routes.ts";
import { FLEET_ROUTES } from "./fleet-routes.ts";
import { GROUP_ROUTES } from "./group-routes.ts";
import { OPERATOR_ROUTES } from "./operator-routes.ts";
import { PREDICT_ROUTES } from "./predict-routes.ts";
import { PROMETHEUS_ROUTES } from "./prometheus-routes.ts";
import { REPORT_ROUTES } from "./report-routes.ts";
import { ROLLOUT_FILE_ROUTES } from "./rollout-file-routes.ts";
import { ROLLOUT_ROUTES } from "./rollout-routes.ts";
import { ROLLOUT_VERB_ROUTES } from "./rollout-verb-routes.ts";
import { SCHEDULE_ROUTES } from "./schedule-routes.ts";
import { TELEMETRY_ROUTES } from "./telemetry-routes.ts";

/** The controller's whole HTTP API. */
export const ROUTES = {
  ...DEVICE_ROUTES,
  ...GROUP_ROUTES,
  ...ENROL_ROUTES,
  ...PREDICT_ROUTES,
  ...BUNDLE_ROUTES,
  ...ROLLOUT_ROUTES,
  ...ROLLOUT_FILE_ROUTES,
  ...ROLLOUT_VERB_ROUTES,
  ...EXPERIMENT_ROUTES,
  ...TELEMETRY_ROUTES,
  ...DRIFT_ROUTES,
  ...PROMETHEUS_ROUTES,
  ...ACCURACY_ROUTES,
  ...REPORT_ROUTES,
  ...SCHEDULE_ROUTES,
  ...ALERT_ROUTES,
  ...FLEET_ROUTES,
  ...OPERATOR_ROUTES,
} as const;
export type Routes = typeof ROUTES;
export type RouteName = keyof Routes;
