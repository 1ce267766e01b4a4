/** Looks at this device for `ferry-agent doctor`: changes nothing, and works while the agent runs and before it joined. */
import { access, constants, open, readFile, rm, stat, statfs } from "node:fs/promises";
import { get } from "node:https";
import { arch, platform, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { openReadOnly } from "../../common/sqlite.ts";
import { fetchStatus } from "../cli/status.ts";
import { agentFolder, readAgentConfig, type AgentConfig, type AgentFolder } from "../config.ts";
import { readCertificate } from "../enrol/own-certificate.ts";
import { availableMemoryBytes } from "../hardware/available-memory.ts";
import { controlGroupOf, SYSTEM_FOLDERS } from "../hardware/control-groups.ts";
import { discoverProviders } from "../hardware/discover-providers.ts";
import { glibcVersion } from "../hardware/glibc-version.ts";
import { RUNNER_COMMAND } from "../inference/runner/runner-process.ts";
import { startedBy } from "../self-update/started-by.ts";
import type { AgentStatus } from "../status.ts";
import type { DatabaseFact, DoctorFacts, FileFact } from "./facts.ts";
import { reachBroker } from "./reach-broker.ts";

/** Each provider is tried in a process of its own; a graphics driver that starts for the first time takes seconds. */
const PROVIDERS_MS_MAX = 60_000;
/** An answer without content. */
const CONTROLLER_MS_MAX = 5_000;

/** Finds out which execution providers work: seconds, most of what this takes. */
export type FindProviders = () => Promise<DoctorFacts["providers"]>;

export async function gatherFacts(directory: string, findProviders = tryProviders): Promise<DoctorFacts> {
  const folder = agentFolder(directory);
  const config = await readAgentConfig(folder).catch((thrown: unknown) => thrown);
  const joined = isConfig(config) ? config : undefined;
  const status = joined === undefined ? undefined : await fetchStatus(directory).catch(() => undefined);
  const controlGroup = controlGroupOf("memory", SYSTEM_FOLDERS);
  const certificate = await certificateOf(folder);
  return {
    nowMs: Date.now(),
    kernel: { platform: platform(), release: release(), arch: arch() },
    glibc: glibcVersion(),
    memory: { totalBytes: totalmem(), availableBytes: availableMemoryBytes() },
    controlGroup: controlGroup && { version: controlGroup.version, path: controlGroup.path },
    providers: await findProviders(),
    disk: await diskOf(folder.directory),
    files: await filesOf(folder),
    databases: (await Promise.all([folder.state, folder.telemetry].map(databaseOf))).flat(),
    config: configOf(config),
    floors: await floorsOf(certificate),
    controllerMs: joined === undefined ? undefined : await controllerMsOf(joined, folder),
    certificate,
    broker: await brokerOf(folder, joined, status),
    selfUpdate: selfUpdateOf(status),
  };
}

function isConfig(value: unknown): value is AgentConfig {
  return !(value instanceof Error);
}

function configOf(config: unknown): DoctorFacts["config"] {
  if (isConfig(config)) return { kind: "joined", fleet: config.fleet, device: config.device };
  const isMissing = config instanceof Error && "code" in config && config.code === "not-joined";
  return isMissing ? { kind: "not-joined" } : { kind: "invalid", why: messageOf(config) };
}

async function tryProviders(): Promise<DoctorFacts["providers"]> {
  try {
    const log = openLog("doctor", "silent");
    const value = await discoverProviders({ command: RUNNER_COMMAND, log }, AbortSignal.timeout(PROVIDERS_MS_MAX));
    return { kind: "known", value };
  } catch (thrown) {
    return { kind: "unknown", why: messageOf(thrown) };
  }
}

/** The folder itself, or where it would be made. */
async function diskOf(directory: string): Promise<DoctorFacts["disk"]> {
  let path = directory;
  while (dirname(path) !== path && !(await exists(path))) path = dirname(path);
  const probe = join(path, `.ferry-doctor-${String(process.pid)}`);
  try {
    const { bavail, bsize } = await statfs(path);
    const beganMs = performance.now();
    try {
      await using file = await open(probe, "wx", 0o600);
      await file.writeFile("written by ferry-agent doctor, which removes it\n");
      await file.sync();
    } finally {
      await rm(probe, { force: true });
    }
    return { kind: "known", value: { path, freeBytes: bavail * bsize, syncMs: performance.now() - beganMs } };
  } catch (thrown) {
    return { kind: "unknown", why: `${path} cannot be written: ${messageOf(thrown)}` };
  }
}

async function filesOf(folder: AgentFolder): Promise<FileFact[]> {
  const open = [folder.directory, folder.config, folder.certificate, folder.authority, folder.state, folder.telemetry];
  const secret = [folder.key, folder.httpToken, folder.httpAdminToken];
  const looked = [
    ...open.map((path) => ({ path, isSecret: false })),
    ...secret.map((path) => ({ path, isSecret: true })),
  ];
  const files: FileFact[] = [];
  let folderOwnerId: number | undefined;
  for (const { path, isSecret } of looked) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    const isReadable = await access(path, constants.R_OK).then(
      () => true,
      () => false,
    );
    folderOwnerId ??= found.uid;
    files.push({ path, mode: found.mode, isReadable, isSecret, ownerId: found.uid, folderOwnerId });
  }
  return files;
}

async function databaseOf(path: string): Promise<DatabaseFact[]> {
  if (!(await exists(path))) return [];
  try {
    const database = openReadOnly(path);
    try {
      const said = String(database.pragma("quick_check(1)", { simple: true }));
      return [{ path, verdict: said === "ok" ? { kind: "sound" } : { kind: "damaged", why: said } }];
    } finally {
      database.close();
    }
  } catch (thrown) {
    const isInUse = systemCodeOf(thrown)?.startsWith("SQLITE_BUSY") === true;
    return [{ path, verdict: isInUse ? { kind: "in-use" } : { kind: "damaged", why: messageOf(thrown) } }];
  }
}

async function certificateOf(folder: AgentFolder): Promise<DoctorFacts["certificate"]> {
  const text = await readFile(folder.certificate, "utf8").catch((thrown: unknown) => thrown);
  if (typeof text !== "string") {
    return systemCodeOf(text) === "ENOENT" ? { kind: "none" } : { kind: "unusable", why: messageOf(text) };
  }
  const certificate = readCertificate(text);
  if (certificate === undefined) return { kind: "unusable", why: `${folder.certificate} holds no certificate` };
  return {
    kind: "usable",
    fromMs: certificate.validFromDate.getTime(),
    untilMs: certificate.validToDate.getTime(),
  };
}

/** The program was there before it runs, and the certificate was issued before it was stored. */
async function floorsOf(certificate: DoctorFacts["certificate"]): Promise<DoctorFacts["floors"]> {
  const program = process.argv[1] ?? process.execPath;
  const built = await stat(program).catch(() => stat(process.execPath));
  return [
    { what: "when this program was built", atMs: Math.floor(built.mtimeMs) },
    ...(certificate.kind === "usable" ? [{ what: "when the certificate was issued", atMs: certificate.fromMs }] : []),
  ];
}

/** By the clock of the controller's enrolment port, as every answer of it tells; undefined where none comes. */
async function controllerMsOf({ enrol }: AgentConfig, folder: AgentFolder): Promise<number | undefined> {
  if (enrol === undefined) return undefined;
  const ca = await readFile(folder.authority, "utf8").catch(() => "");
  const answered = Promise.withResolvers<string | undefined>();
  const asking = get(enrol.url, { ca, timeout: CONTROLLER_MS_MAX }, (response) => {
    response.resume();
    answered.resolve(response.headers.date);
  });
  asking.on("timeout", () => asking.destroy());
  asking.on("error", () => {
    answered.resolve(undefined);
  });
  const date = await answered.promise;
  return date === undefined ? undefined : Date.parse(date);
}

async function brokerOf(
  folder: AgentFolder,
  config: AgentConfig | undefined,
  status: AgentStatus | undefined,
): Promise<DoctorFacts["broker"]> {
  if (config === undefined) return { kind: "none" };
  if (status !== undefined) return { kind: "running", url: config.broker, connected: status.broker.connected };
  const tls = config.enrol === undefined ? undefined : await tlsOf(folder);
  return reachBroker({ url: config.broker, clientId: config.device, tls });
}

/** What cannot be read is missing in the handshake, which then says so. */
async function tlsOf(folder: AgentFolder) {
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  return { ca: await read(folder.authority), cert: await read(folder.certificate), key: await read(folder.key) };
}

function selfUpdateOf(status: AgentStatus | undefined): string | undefined {
  if (status?.selfUpdate !== undefined) return status.selfUpdate.supported ? undefined : status.selfUpdate.why;
  const place = startedBy();
  return place.kind === "versioned" ? undefined : place.refusal.message;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
