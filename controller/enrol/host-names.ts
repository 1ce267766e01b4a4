import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";

/** Names and addresses that a server's certificate may hold; a machine with more has them in controller.json. */
const HOSTS_MAX = 50;

export interface Listening {
  /** Of controller.json: the first one is how devices are told to reach this machine. */
  readonly names: readonly string[];
  /** The address on which the broker and the enrolment endpoint listen. */
  readonly host: string;
}

/** Everything under which a device may reach this machine: what stands in its server certificate. */
export function serverHosts({ names, host }: Listening): string[] {
  const listening = isUnspecified(host) ? [] : [host];
  const all = [...names, ...listening, "localhost", "127.0.0.1", "::1", ...machineName(), ...addresses()];
  return [...new Set(all)].slice(0, HOSTS_MAX);
}

/** The one that a join token names. */
export function advertisedHost({ names, host }: Listening): string {
  const [name] = names;
  if (name !== undefined) return name;
  if (!isUnspecified(host)) return host;
  return addresses().find((address) => isIP(address) === 4) ?? "127.0.0.1";
}

/** As it stands in a URL. */
export function urlHost(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

function isUnspecified(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** Only one that a certificate can hold as a DNS name. */
function machineName(): string[] {
  const name = hostname().toLowerCase();
  return /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name) ? [name] : [];
}

function addresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, scopeid }) => !internal && (scopeid === undefined || scopeid === 0))
    .map(({ address }) => address);
}
