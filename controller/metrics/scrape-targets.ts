/** Which addresses Prometheus is to read, in the shape of its HTTP service discovery. */
import { Type, type Static } from "typebox";
import type { DeviceView } from "../fleet/device-view.ts";

/** https://prometheus.io/docs/prometheus/latest/http_sd/ */
export const TargetGroup = Type.Object({
  targets: Type.Array(Type.String()),
  labels: Type.Record(Type.String(), Type.String()),
});
export type TargetGroup = Static<typeof TargetGroup>;

/** A label of a device: where Prometheus reaches it, for an agent that listens on every address and knows none as its own. */
const ADDRESS_LABEL = "address";

/**
 * One group for each agent whose port can be reached from elsewhere: with the device's id, and its labels as
 * `label_site`. An agent that listens on its own machine alone is left out, and what it measures comes as telemetry.
 */
export function scrapeTargets(devices: readonly Pick<DeviceView, "id" | "labels" | "info">[]): TargetGroup[] {
  return devices.flatMap(({ id, labels, info }) => {
    const url = info?.httpUrl;
    if (url === undefined || !URL.canParse(url)) return [];
    const { protocol, hostname, port } = new URL(url);
    const host = isEveryAddress(hostname) ? labels[ADDRESS_LABEL] : hostname;
    if (host === undefined || isOwnMachine(hostname)) return [];
    const scheme = protocol === "https:" ? "https" : "http";
    const own = Object.entries(labels).map(
      ([key, value]) => [`label_${key.replaceAll(/[^A-Za-z0-9_]/g, "_")}`, value] as const,
    );
    return [
      {
        targets: [`${host}:${port === "" ? PORTS[scheme] : port}`],
        labels: { ...Object.fromEntries<string>(own), __scheme__: scheme, device: id },
      },
    ];
  });
}

const PORTS = { http: "80", https: "443" } as const;

function isEveryAddress(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "[::]";
}

function isOwnMachine(hostname: string): boolean {
  return hostname === "localhost" || hostname.startsWith("127.") || hostname === "[::1]";
}
