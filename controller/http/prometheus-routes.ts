import { Type } from "typebox";
import { TargetGroup } from "../metrics/scrape-targets.ts";
import { route } from "./route.ts";

export const PROMETHEUS_ROUTES = {
  prometheusTargets: route({
    method: "GET",
    path: "/api/v1/prometheus/targets",
    tag: "telemetry",
    summary: "Agents that Prometheus can read, in the shape of its HTTP service discovery",
    role: "viewer",
    query: Type.Object({
      /** Kubernetes' syntax; absent: all devices. */
      selector: Type.Optional(Type.String({ maxLength: 1_000 })),
    }),
    result: Type.Array(TargetGroup),
  }),
} as const;
