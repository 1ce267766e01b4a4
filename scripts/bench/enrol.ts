import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createRequest } from "../../common/x509.ts";
import { controllerPaths } from "../../controller/config.ts";
import { createClient, type Client } from "../../controller/http/client.ts";
import { checkEnrolAnswer, type JoinRequest } from "../../protocol/enrol/enrol-messages.ts";
import { parseJoinToken } from "../../protocol/enrol/join-token.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { openFleet, type Fleet } from "../../test/support/fleet.ts";
import { joinAll, type JoinTarget } from "./join-load.ts";
import { measureRevocation, type Enrolled } from "./revocation.ts";
import { processCpuMs } from "./process-cpu.ts";
import { endChild, forkModule } from "./transfer-brokers.ts";

const HELP = `scripts/bench/enrol [--devices N] [--at-once N] [--connected N] [--revoked N] [--json]

Lets N devices (1000) enrol at a real controller over HTTPS, --at-once (16) at any moment, by turns with a bare server that
only makes the TLS connection and a certificate. Then --connected (200) of them publish over mutual TLS, and --revoked (20)
are revoked: how long until the connection is cut, and until a new one has been refused. Exits 1 where one came through.`;

const { values } = parseArgs({
  options: {
    devices: { type: "string", default: "1000" },
    "at-once": { type: "string", default: "16" },
    connected: { type: "string", default: "200" },
    revoked: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const atOnce = Number(values["at-once"]);
/** Real and bare take turns in so many parts, so that whatever else the machine does falls on both. */
const PARTS = 4;
const TOKEN_MS = 3_600_000;

interface Joining {
  readonly device: DeviceId;
  readonly key: KeyObject;
  readonly body: string;
}

interface Rate {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Of the server's processor, for each. */
  readonly cpuMs: number;
}

function quantile(numbers: readonly number[], share: number): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * share)] ?? NaN;
}

/** Keys, tokens and requests: what devices and operators do before, on machines of their own. */
async function prepare(client: Client, fleet: FleetId): Promise<{ url: string; joining: readonly Joining[] }> {
  const joining: Joining[] = [];
  let url = "";
  for (let at = 0; at < Number(values.devices); at += 1) {
    const device = `bench-${String(at)}` as DeviceId;
    const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { token } = await client.inviteDevice({ params: { device }, body: { lifetimeMs: TOKEN_MS } });
    const parsed = parseJoinToken(token);
    const asked: JoinRequest = { fleet, secret: parsed.secret, csr: await createRequest(key, device) };
    joining.push({ device, key, body: JSON.stringify(asked) });
    url = parsed.url;
  }
  return { url, joining };
}

async function measureJoining(real: JoinTarget, controllerPid: number, joining: readonly Joining[]) {
  const child = forkModule("enrol-bare.ts", []);
  const [bareTarget] = (await once(child, "message")) as [JoinTarget];
  const warmUp = Array.from({ length: atOnce }, () => "{}");
  await joinAll(bareTarget, warmUp, atOnce);
  const [realParts, bareParts] = [[], []] as [Part[], Part[]];
  const size = Math.ceil(joining.length / PARTS);
  const cpuMs = { real: 0, bare: 0 };
  for (let from = 0; from < joining.length; from += size) {
    const bodies = joining.slice(from, from + size).map(({ body }) => body);
    const [realBeforeMs, bareBeforeMs] = [processCpuMs(controllerPid), processCpuMs(child.pid ?? 0)];
    realParts.push(await joinAll(real, bodies, atOnce));
    cpuMs.real += processCpuMs(controllerPid) - realBeforeMs;
    bareParts.push(await joinAll(bareTarget, bodies, atOnce));
    cpuMs.bare += processCpuMs(child.pid ?? 0) - bareBeforeMs;
  }
  await endChild(child);
  const answers = realParts.flatMap((part) => part.answers);
  const enrolled = joining.map(({ device, key }, at): Enrolled => {
    const { certificate, ca } = checkEnrolAnswer(JSON.parse(answers[at] ?? "null"));
    return { device, tls: { ca, cert: certificate, key: key.export({ type: "pkcs8", format: "pem" }).toString() } };
  });
  return { enrolled, joined: rateOf(realParts, cpuMs.real), bare: rateOf(bareParts, cpuMs.bare) };
}

type Part = Awaited<ReturnType<typeof joinAll>>;

function rateOf(parts: readonly Part[], cpuMs: number): Rate {
  const latenciesMs = parts.flatMap((part) => part.latenciesMs);
  const tookMs = parts.reduce((sum, part) => sum + part.tookMs, 0);
  return {
    perSecond: (latenciesMs.length / tookMs) * 1_000,
    p50Ms: quantile(latenciesMs, 0.5),
    p95Ms: quantile(latenciesMs, 0.95),
    cpuMs: cpuMs / latenciesMs.length,
  };
}

async function measure(fleet: Fleet) {
  await fleet.startController();
  const paths = controllerPaths(fleet.home);
  const token = (await readFile(paths.operatorToken, "utf8")).trim();
  const client = createClient(fleet.controllerUrl, { token });
  const id = fleet.fleetId as FleetId;
  const { url, joining } = await prepare(client, id);
  const ca = await readFile(paths.authority.certificate, "utf8");
  const { enrolled, joined, bare } = await measureJoining({ url, ca }, fleet.controller().pid, joining);
  const revocation = await measureRevocation({
    fleet: id,
    brokerUrl: fleet.brokerUrl,
    devices: enrolled.slice(0, Number(values.connected)),
    revoked: Number(values.revoked),
    revoke: (device) => client.revokeDevice({ params: { device }, body: {} }),
  });
  return { joined, bare, ratio: joined.perSecond / bare.perSecond, revocation };
}

function table({ joined, bare, ratio, revocation }: Awaited<ReturnType<typeof measure>>): string {
  const { cutMs, refusedMs, breaches, publishedPerSecond } = revocation;
  const rate = ({ perSecond, p50Ms, p95Ms, cpuMs }: Rate) =>
    `${perSecond.toFixed(0)} a second, p50 ${p50Ms.toFixed(0)} ms, p95 ${p95Ms.toFixed(0)} ms, ${cpuMs.toFixed(1)} ms of the server's processor each`;
  const times = (ms: readonly number[]) =>
    `median ${quantile(ms, 0.5).toFixed(0)} ms, longest ${Math.max(...ms).toFixed(0)} ms`;
  return [
    `${values.devices} devices enrolled, ${String(atOnce)} at once: ${rate(joined)}`,
    `TLS and a certificate alone: ${rate(bare)}; ratio ${ratio.toFixed(2)}`,
    `${values.connected} devices publish ${publishedPerSecond.toFixed(0)} times a second; ${values.revoked} are revoked:`,
    `  from the request to the end of the connection: ${times(cutMs)}`,
    `  until a new connection was tried and refused:  ${times(refusedMs)}`,
    `  connections that came about after that: ${String(breaches)}`,
    "",
  ].join("\n");
}

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "modelferry-bench-"));
  try {
    await using fleet = await openFleet({ directory: folder, devices: [] });
    const figures = await measure(fleet);
    process.stdout.write(values.json ? `${JSON.stringify(figures, undefined, 2)}\n` : table(figures));
    return figures.revocation.breaches === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
