/** `ferry-agent join`: from nothing but an address and a digest to a folder from which an agent runs. */
import type { KeyObject } from "node:crypto";
import { access, mkdir } from "node:fs/promises";
import { systemClock } from "../../common/clock.ts";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { createKeyFile, readKeyFile } from "../../common/key-file.ts";
import type { EnrolAnswer } from "../../protocol/enrol/enrol-messages.ts";
import type { DeviceId, FleetId, Sha256 } from "../../protocol/ids.ts";
import { DOCUMENT_BYTES_MAX } from "../../protocol/limits.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { publicKeyFrom } from "../../protocol/trust/keys.ts";
import { acceptFirstRoot } from "../../protocol/trust/root.ts";
import { agentFolder, checkAgentConfig, writeAgentConfig, type AgentConfig, type AgentFolder } from "../config.ts";
import { askToJoin, type Waiting } from "../enrol/ask-to-join.ts";
import { enrol, fetchRoot } from "../enrol/enrol.ts";
import { createHttpToken, isLoopback, readHttpToken } from "../http-tokens.ts";
import { writeFileDurably } from "../store/durable-file.ts";
import { planJoin, type JoinOptions, type JoinPlan } from "./join-options.ts";
import { fetchRetainedRoot } from "./loopback-root.ts";

export interface Joined {
  readonly directory: string;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly rootDigest: Sha256;
  /** SHA-256 of the device's public key: what an operator compares. */
  readonly keyFingerprint: string;
  /** True where callers over HTTP must show the token that `ferry-agent token` prints. */
  readonly asksForToken: boolean;
}

export interface JoinListener {
  /** When an operator must decide. */
  readonly onWaiting: (waiting: Waiting) => void;
  /** While it waits: what keeps it from asking at this moment. */
  readonly onTrouble: (why: string) => void;
}

/** Nothing is written before the root has been checked against the pin. Throws FerryError. */
export async function join(
  address: string | undefined,
  options: JoinOptions,
  listener: JoinListener = QUIET,
): Promise<Joined> {
  const folder = agentFolder(options.dir);
  const plan = planJoin(address, options);
  if (options.force !== true && (await hasJoined(folder))) throw alreadyJoined(folder);
  const rootBytes = await firstRoot(plan);
  const root = acceptPinned(rootBytes, plan.own.rootPin);
  await mkdir(folder.directory, { recursive: true, mode: 0o700 });
  const key = await deviceKey(folder);
  const config = await letIn(plan, folder, key, listener);
  await writeFileDurably(folder.firstRoot, rootBytes);
  const asksForToken = isLoopback(config.http.host)
    ? readHttpToken(folder, "caller") !== undefined
    : protect(folder, config);
  // Last: an agent has joined when this file is there.
  await writeAgentConfig(folder, config);
  return {
    directory: folder.directory,
    fleet: config.fleet,
    device: config.device,
    rootDigest: root.digest,
    keyFingerprint: publicKeyFrom(key).fingerprint,
    asksForToken,
  };
}

/** Where other machines can ask, they need a token unless a person said otherwise; one from an earlier join stays. */
function protect(folder: AgentFolder, { http }: AgentConfig): boolean {
  if (readHttpToken(folder, "caller") !== undefined) return true;
  if (http.unprotected !== true) createHttpToken(folder, "caller");
  return http.unprotected !== true;
}

const QUIET: JoinListener = { onWaiting: () => undefined, onTrouble: () => undefined };

function firstRoot({ way, own }: JoinPlan): Promise<Uint8Array> {
  switch (way.kind) {
    case "token":
      return fetchRoot(way.token);
    case "approval":
      return fetchRoot(way.endpoint);
    case "loopback":
      return fetchRetainedRoot({ ...way, device: own.device });
  }
}

/** Spends the token, or waits for an operator. What it leaves in the folder is of no use without `agent.json`. */
async function letIn(
  { way, own }: JoinPlan,
  folder: AgentFolder,
  key: KeyObject,
  listener: JoinListener,
): Promise<AgentConfig> {
  const { device } = own;
  switch (way.kind) {
    case "loopback":
      return checkAgentConfig({ ...own, broker: way.broker, fleet: way.fleet });
    case "token": {
      const { fleet, url } = way.token;
      const { broker } = await keep(folder, await enrol(way.token, key));
      return checkAgentConfig({ ...own, broker, fleet, enrol: { url } });
    }
    case "approval": {
      const asked = { ...way, device, key, clock: systemClock, random: Math.random, ...listener };
      const { fleet, answer } = await askToJoin(asked);
      const { broker } = await keep(folder, answer);
      return checkAgentConfig({ ...own, broker, fleet, enrol: { url: way.endpoint.url } });
    }
  }
}

async function keep(folder: AgentFolder, answer: EnrolAnswer): Promise<EnrolAnswer> {
  await writeFileDurably(folder.authority, answer.ca);
  await writeFileDurably(folder.certificate, answer.certificate);
  return answer;
}

export async function hasJoined(folder: AgentFolder): Promise<boolean> {
  return access(folder.config).then(
    () => true,
    () => false,
  );
}

function alreadyJoined(folder: AgentFolder): FerryError {
  return new FerryError("already-joined", `The agent in ${folder.directory} has joined a fleet already`, {
    hint: "Run `ferry-agent run` to start it, or join again with --force: the device keeps its key.",
    exitCode: EXIT.conflict,
  });
}

function acceptPinned(bytes: Uint8Array, pin: Sha256) {
  if (bytes.byteLength <= DOCUMENT_BYTES_MAX && sha256(bytes) !== pin) {
    throw new FerryError(
      "root-pin-mismatch",
      `The fleet offers another root than the one that you named: its SHA-256 is ${sha256(bytes)}, --root-pin is ${pin}`,
      {
        hint: "Compare the pin with what `ferry init` printed. If it is right, somebody else answers as this fleet: do not join. Nothing was written.",
        exitCode: EXIT.notAllowed,
      },
    );
  }
  try {
    return acceptFirstRoot(bytes, pin);
  } catch (cause) {
    throw new FerryError("root-refused", `The root that the fleet offers cannot be used: ${messageOf(cause)}`, {
      hint: "The owner of the fleet must publish a sound root. Nothing was written.",
      exitCode: EXIT.notAllowed,
      cause,
    });
  }
}

/** A controller knows a device by the first key that it saw: joining again must not change it. */
async function deviceKey(folder: AgentFolder): Promise<KeyObject> {
  try {
    return await readKeyFile(folder.key);
  } catch (thrown) {
    if (!(thrown instanceof FerryError) || thrown.code !== "not-found") throw thrown;
    return createKeyFile(folder.key);
  }
}
