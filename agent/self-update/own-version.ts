/** The agent's own slot: what the inference engine is for models, this is for the program itself. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Type } from "typebox";
import { messageOf } from "../../common/ferry-error.ts";
import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import { ModelName, StatementDigest } from "../../protocol/ids.ts";
import { gate } from "../../protocol/schema.ts";
import type { Evidence } from "../../protocol/trust/evidence.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import type {
  Candidate,
  InferenceEngine,
  Observed,
  Qualification,
  ServedSlot,
  VerifiedBundle,
} from "../inference/inference-engine.ts";
import { writeFileDurably } from "../store/durable-file.ts";
import type { SlotState } from "../update/state.ts";
import { judgeHealth, type Health, type ServedBefore } from "./health.ts";
import { buildFor, isBuild, type Schemas } from "./judge-start.ts";
import { PROGRAM_FILES } from "./launcher.ts";
import { openProgramDirectory } from "./program-directory.ts";
import { versionName, type ProgramPlace } from "./program-place.ts";
import { tryStart } from "./try-start.ts";
import { readVersionRecord, writeVersionRecord } from "./version-record.ts";

/** What the updater asks of an engine, for the one slot whose bundles are programs. */
export interface OwnVersion extends Pick<
  InferenceEngine,
  "qualify" | "activate" | "release" | "turnBack" | "clear" | "observed"
> {
  /** Why no version can be taken here; undefined where one can. */
  readonly obstacle: Refusal | undefined;
  /** Nothing that the version before it needs may be removed. */
  readonly isOnTrial: () => boolean;
  /** The bundle that runs, where it came as one. */
  readonly running: () => StatementDigest | undefined;
  readonly served: () => ServedSlot | undefined;
  /** Hears each state of its slot after it was stored. */
  readonly onState: (state: SlotState) => void;
}

export interface OwnVersionPorts {
  readonly place: ProgramPlace;
  readonly hardwareClasses: readonly string[];
  readonly glibc: string | undefined;
  readonly schemas: Schemas;
  readonly models: () => readonly ServedSlot[];
  /** Of each slot; undefined for one that is to be empty. */
  readonly wishes: () => ReadonlyMap<ModelName, StatementDigest | undefined>;
  /** Of the state as it is, for the return from another version; and away with it when there will be none. */
  readonly keepBefore: () => void;
  readonly dropBefore: () => void;
  /** Ends this process as if it were told to stop; the launcher starts the version that is current by then. */
  readonly restart: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the launcher tells of a version that was well, and alone. */
const WITHOUT_NEWS = "it opened its databases, and heard no deployment of its controller that is fresh";

/** How soon a version that waits for a model looks again. */
const HEALTH_MS = 250;

const checkBefore = gate(
  PROGRAM_FILES.before,
  Type.Array(Type.Object({ slot: ModelName, statement: StatementDigest })),
);

export async function openOwnVersion(ports: OwnVersionPorts): Promise<OwnVersion> {
  const { place, log } = ports;
  if (place.kind === "unsupported") return withoutVersions(place.refusal);
  try {
    return await withVersions(ports, place);
  } catch (thrown) {
    const message = `The folder of the agent's versions cannot be used: ${messageOf(thrown)}`.slice(0, 1_000);
    log.error({ directory: place.directory, error: messageOf(thrown) }, "this agent cannot update itself");
    return withoutVersions({ code: "agent-unsupported", message });
  }
}

function withoutVersions(refusal: Refusal): OwnVersion {
  return {
    obstacle: refusal,
    isOnTrial: () => false,
    running: () => undefined,
    served: () => undefined,
    qualify: () => Promise.resolve({ kind: "refused", refusal }),
    activate: () => Promise.resolve(undefined),
    release: () => Promise.resolve(),
    turnBack: () => Promise.resolve(undefined),
    clear: () => Promise.resolve(),
    observed: () => undefined,
    onState: () => undefined,
  };
}

async function withVersions(
  ports: OwnVersionPorts,
  { directory, running }: Extract<ProgramPlace, { kind: "versioned" }>,
): Promise<OwnVersion> {
  const { clock, log, restart } = ports;
  const program = await openProgramDirectory(directory, log);
  const recordPath = join(directory, PROGRAM_FILES.versions, `${running}.json`);
  let known = await readVersionRecord(recordPath, join(directory, PROGRAM_FILES.versions, running));
  const before = await readBefore(directory);
  let isOnTrial = await program.isOnTrial();
  if (isOnTrial) {
    log.info({ running }, "this version of the agent is on trial");
    // A full disk must not take the trial from it.
    await program.noteWaiting(WITHOUT_NEWS).catch((thrown: unknown) => {
      log.warn({ error: messageOf(thrown) }, "cannot note for what this version waits");
    });
  }

  const nameOf = ({ model, statement }: VerifiedBundle) => versionName(model.version, statement);

  function health(): Health {
    const served = ports.models().map(({ slot, bundle, ready }) => ({ slot, statement: bundle.statement, ready }));
    return judgeHealth({ before: isOnTrial ? before : [], served, wished: ports.wishes() });
  }

  /** Of another version: whether it would start here. It lies in `versions/` then. */
  async function qualifyOther(bundle: VerifiedBundle, signal: AbortSignal): Promise<Qualification> {
    const name = nameOf(bundle);
    const takenBack = await program.takenBack();
    if (takenBack?.name === name && takenBack.why !== "") {
      const message = `${bundle.model.version} was started here and taken back: ${takenBack.why}`;
      return refused({ code: "agent-unhealthy", message });
    }
    const build = buildFor(bundle.model.agent?.builds ?? [], ports);
    if (!isBuild(build)) return refused(build);
    const entry = await program.install(name, join(bundle.directory, build.folder), bundle.model.file);
    const { version: label } = bundle.model;
    const refusal = await tryStart({ program: entry, label, schemas: ports.schemas, signal });
    if (refusal !== undefined) {
      await program.remove(name);
      return refused(refusal);
    }
    return { kind: "qualified", candidate: { bundle, evidence: evidenceOf(ports.models(), 0, clock) } };
  }

  /** Of this very process: what answered before answers again. Where that cannot be, it takes itself back. */
  async function qualifySelf(bundle: VerifiedBundle, signal: AbortSignal): Promise<Qualification> {
    const beganMs = clock.monotonicMs();
    let told: string | undefined;
    for (;;) {
      signal.throwIfAborted();
      const found = health();
      if (found.kind === "healthy") break;
      if (found.kind === "unhealthy") {
        log.error({ why: found.why }, "this version of the agent does not get well: going back");
        await program.goBack(found.why);
        return leave(signal);
      }
      if (told !== found.why) await program.noteWaiting(found.why);
      told = found.why;
      await clock.sleep(HEALTH_MS, signal);
    }
    const evidence = evidenceOf(ports.models(), clock.monotonicMs() - beganMs, clock);
    known = { bundle, evidence, sinceMs: clock.nowMs() };
    await writeVersionRecord(recordPath, known);
    if (isOnTrial) await program.noteHealthy();
    return { kind: "qualified", candidate: { bundle, evidence } };
  }

  /** Nothing that was decided here takes effect in this process. */
  async function leave(ending: AbortSignal | undefined): Promise<never> {
    restart();
    await new Promise<void>((resolve) => {
      if (ending === undefined) return;
      if (ending.aborted) resolve();
      ending.addEventListener("abort", () => {
        resolve();
      });
    });
    throw new Error("the agent is being started again");
  }

  async function begin({ bundle }: Candidate, ending: AbortSignal | undefined): Promise<void> {
    const served = ports.models().map(({ slot, bundle: { statement } }): ServedBefore => ({ slot, statement }));
    ports.keepBefore();
    // What the first of several versions in a row was to live up to, the next one is too.
    if (!isOnTrial) await writeFileDurably(join(directory, PROGRAM_FILES.before), JSON.stringify(served));
    await program.beginTrial(nameOf(bundle));
    log.warn({ version: bundle.model.version }, "ending for another version of the agent");
    await leave(ending);
  }

  /** The reason stands in the state, and in the list of what failed here, from now on. */
  async function forgetVerdict(name: string): Promise<void> {
    if ((await program.takenBack())?.name === name) await program.forgetTakenBack();
  }

  async function goBack(): Promise<void> {
    await program.goBack("");
    restart();
  }

  return {
    obstacle: undefined,
    isOnTrial: () => isOnTrial,
    running: () => known?.bundle.statement,
    served: () => known && { slot: AGENT_NAME, ready: true, ...known },
    qualify: async (_slot, bundle, signal, traffic) => {
      if (traffic !== undefined) {
        const message = "Two versions of the agent cannot run side by side: no split and no shadow";
        return refused({ code: "traffic-impossible", message });
      }
      return nameOf(bundle) === running ? qualifySelf(bundle, signal) : qualifyOther(bundle, signal);
    },
    activate: async (_slot, candidate, _traffic, ending) => {
      if (nameOf(candidate.bundle) !== running) await begin(candidate, ending);
      return undefined;
    },
    release: async () => {
      isOnTrial = false;
      await program.endTrial();
      // The power may have gone in the middle of the way back: it is good by now, whatever was noted then.
      await forgetVerdict(running);
      ports.dropBefore();
      await program.tidy();
    },
    turnBack: async (_slot, ending) => {
      await program.goBack("");
      return leave(ending);
    },
    clear: async () => {
      const [base, current] = [await program.base(), await program.current()];
      if (base === undefined || base === current) return;
      const entry = join(directory, PROGRAM_FILES.versions, base, AGENT_NAME);
      const label = base.slice(0, -"-0123456789abcdef".length);
      const signal = new AbortController().signal;
      const refusal = await tryStart({ program: entry, label, schemas: ports.schemas, signal });
      if (refusal !== undefined) {
        log.warn({ ...refusal }, "no version of the agent is wished, and the installed one cannot run: staying");
        return;
      }
      log.warn({ version: label }, "no version of the agent is wished: going back to the installed one");
      await program.goToBase();
      restart();
    },
    observed: () => {
      if (known === undefined) return undefined;
      const found = health();
      return {
        ...NOTHING_COUNTED,
        statement: known.bundle.statement,
        ...(found.kind === "unhealthy" ? { unhealthy: found.why } : {}),
      };
    },
    onState: (state) => {
      if (state.phase === "failed") void forgetVerdict(versionName(state.wish.version, state.wish.statement));
      // Another wish came while this version was on trial, and what is wished by now ran before it.
      const isPassedOver = state.phase === "committed" && state.active?.statement !== known?.bundle.statement;
      if (isPassedOver && isOnTrial) void goBack();
    },
  };
}

const NOTHING_COUNTED: Omit<Observed, "statement"> = {
  requests: 0,
  failed: 0,
  badOutputs: 0,
  crashes: 0,
  recentCrashes: 0,
  timed: 0,
  latencyP95Ms: undefined,
  agreement: { compared: 0, alike: 0, dropped: 0 },
};

function refused(refusal: Refusal): Qualification {
  return { kind: "refused", refusal };
}

/**
 * An agent's evidence, in the words of a model's: `loadMs` from the start of the process to its first fresh deployment,
 * `warmUpMs` until all models answered, one golden case for each of them, latencies of the slowest, its own memory.
 */
function evidenceOf(models: readonly ServedSlot[], warmUpMs: number, clock: Clock): Evidence {
  const slowest = (field: "latencyP50Ms" | "latencyP95Ms") =>
    Math.max(0, ...models.map(({ evidence }) => evidence[field]));
  return {
    provider: "cpu",
    loadMs: Math.max(0, process.uptime() * 1_000 - warmUpMs),
    warmUpMs,
    goldenCases: models.length,
    goldenPassed: models.filter(({ ready }) => ready).length,
    latencyP50Ms: slowest("latencyP50Ms"),
    latencyP95Ms: slowest("latencyP95Ms"),
    memoryBytes: process.memoryUsage.rss(),
    qualifiedAtMs: clock.nowMs(),
  };
}

/** Nothing is expected where the file is gone: it says what to live up to, and not what is allowed. */
async function readBefore(directory: string): Promise<readonly ServedBefore[]> {
  try {
    return checkBefore(JSON.parse(await readFile(join(directory, PROGRAM_FILES.before), "utf8")));
  } catch {
    return [];
  }
}
