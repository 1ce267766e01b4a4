/** A device's disk that survives its power cuts, and an engine that does not: for tests of the update alone. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import type {
  Candidate,
  LostVersion,
  Observed,
  ServedSlot,
  ServedTrial,
  VerifiedBundle,
} from "../../agent/inference/inference-engine.ts";
import { openBundleDirectory } from "../../agent/store/bundle-directory.ts";
import { openStateDatabase } from "../../agent/store/state-database.ts";
import { openUpdater, type SlotChange, type UpdatePorts, type Updater } from "../../agent/update/run.ts";
import type { ModelName, Sha256 } from "../../protocol/ids.ts";
import type { DeployedSlot, Deployment } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { device, fleet, owners, publisherOf, type Bundle } from "./agent-bench.ts";

/** At which write of the state the power goes, counted from the boot: just before it is on the disk, or just after. */
export interface PowerCut {
  readonly atSave: number;
  readonly when: "before" | "after";
}

export interface Boot extends AsyncDisposable {
  readonly updater: Updater;
  /** What answers, by slot. */
  readonly serving: ReadonlyMap<ModelName, VerifiedBundle>;
  /** What stands by, by slot. */
  readonly standby: Map<ModelName, VerifiedBundle>;
  /** What soaks beside what answers, by slot. */
  readonly trials: ReadonlyMap<ModelName, ServedTrial>;
  /** What answers in the slot ends, and cannot be started again. */
  readonly lose: (slot: ModelName, refusal: Refusal) => void;
  readonly changes: readonly SlotChange[];
  /** Archives that were fetched since the boot. */
  readonly fetched: readonly Sha256[];
  /** Settles when the power is gone. */
  readonly dark: Promise<void>;
  readonly isDark: () => boolean;
}

export interface BootOptions {
  readonly cut?: PowerCut | undefined;
  /** What qualification says of a bundle; nothing: it passes. */
  readonly refuse?: (bundle: VerifiedBundle) => Refusal | undefined;
  /** Delays the fetch of an archive. */
  readonly hold?: (sha256: Sha256, signal: AbortSignal) => Promise<void>;
  /** Delays the turning over of the traffic. */
  readonly holdActivation?: (bundle: VerifiedBundle) => Promise<void>;
  /** How a version that answers does; absent: perfectly, with nothing to do. */
  readonly observe?: (bundle: VerifiedBundle) => Partial<Observed>;
  /** While true, the disk takes no writes of the state. */
  readonly isFull?: () => boolean;
  readonly ports?: Partial<UpdatePorts>;
}

export interface World {
  readonly directory: string;
  readonly boot: (options?: BootOptions) => Promise<Boot>;
  /** Soaks no time unless told otherwise. */
  readonly wish: (bundle: Bundle, options?: Pick<DeployedSlot, "soakMs" | "retry" | "traffic">) => DeployedSlot;
  /** The next deployment, or the last one again where it says the same. */
  readonly deployment: (...wishes: readonly DeployedSlot[]) => Deployment;
}

const log = openLog("update-world", process.env["FERRY_LOG"] ?? "silent");
const EVIDENCE = {
  provider: "cpu",
  loadMs: 1,
  warmUpMs: 1,
  goldenCases: 1,
  goldenPassed: 1,
  latencyP50Ms: 1,
  latencyP95Ms: 1,
  memoryBytes: 1,
  qualifiedAtMs: 1,
};

const UNTOUCHED = {
  requests: 0,
  failed: 0,
  badOutputs: 0,
  crashes: 0,
  recentCrashes: 0,
  timed: 0,
  latencyP95Ms: undefined,
  agreement: { compared: 0, alike: 0, dropped: 0 },
};

export function openWorld(directory: string): World {
  const archives = new Map<Sha256, Uint8Array>();
  let seq = 0;
  let content = "";
  return {
    directory,
    boot: (options = {}) => boot(directory, archives, options),
    wish: ({ slot, archive }, options) => {
      const digest = sha256(archive);
      archives.set(digest, archive);
      return {
        ...slot,
        archive: { sha256: digest, length: archive.byteLength, chunkList: digest },
        soakMs: 0,
        ...options,
      };
    },
    deployment: (...slots) => {
      if (JSON.stringify(slots) !== content) seq += 1;
      content = JSON.stringify(slots);
      return {
        v: 1,
        fleet,
        device,
        seq,
        rootVersion: 1,
        issued: new Date().toISOString(),
        expires: new Date(Date.now() + 86_400_000).toISOString(),
        slots: [...slots],
      };
    },
  };
}

async function boot(
  directory: string,
  archives: ReadonlyMap<Sha256, Uint8Array>,
  { cut, refuse, hold, holdActivation, observe, isFull, ports }: BootOptions,
): Promise<Boot> {
  const state = openStateDatabase(join(directory, "state.db"), log);
  const bundlesPath = join(directory, "bundles");
  const bundles = await openBundleDirectory(bundlesPath, log);
  const serving = new Map<ModelName, VerifiedBundle>();
  const standby = new Map<ModelName, VerifiedBundle>();
  const trials = new Map<ModelName, ServedTrial>();
  const losing = new Set<(lost: LostVersion) => void>();
  const changes: SlotChange[] = [];
  const fetched: Sha256[] = [];
  const dark = Promise.withResolvers<undefined>();
  let isDark = false;
  let saves = 0;

  /** From the cut on nothing reaches the disk, and whoever tries is told so, as by a dying machine. */
  function save(write: () => void): void {
    if (isDark) throw new Error("no power");
    if (isFull?.() === true) throw new Error("the disk is full");
    const isCut = cut?.atSave === saves;
    saves += 1;
    if (!isCut || cut.when === "after") write();
    if (!isCut) return;
    isDark = true;
    dark.resolve(undefined);
    throw new Error("no power");
  }

  const engine: UpdatePorts["engine"] = {
    qualify: (_slot, bundle) => {
      const refusal = refuse?.(bundle);
      if (refusal !== undefined) return Promise.resolve({ kind: "refused", refusal });
      const candidate: Candidate = { bundle, evidence: EVIDENCE };
      return Promise.resolve({ kind: "qualified", candidate });
    },
    activate: async (slot, { bundle }, traffic) => {
      await holdActivation?.(bundle);
      const former = serving.get(slot);
      if (former !== undefined && traffic !== undefined) {
        trials.set(slot, { bundle, evidence: EVIDENCE, sinceMs: 0, ready: true, traffic });
        return traffic;
      }
      if (former !== undefined && !standby.has(slot)) standby.set(slot, former);
      serving.set(slot, bundle);
      return undefined;
    },
    turnBack: (slot) => {
      if (trials.delete(slot)) return Promise.resolve(serving.get(slot));
      const former = standby.get(slot);
      standby.delete(slot);
      if (former === undefined) serving.delete(slot);
      else serving.set(slot, former);
      return Promise.resolve(former);
    },
    release: (slot) => {
      const trial = trials.get(slot);
      trials.delete(slot);
      if (trial !== undefined) serving.set(slot, trial.bundle);
      standby.delete(slot);
      return Promise.resolve();
    },
    discard: () => Promise.resolve(),
    clear: (slot) => {
      trials.delete(slot);
      serving.delete(slot);
      standby.delete(slot);
      return Promise.resolve();
    },
    slots: () =>
      [...serving].map(([slot, bundle]): ServedSlot => {
        const served = { slot, bundle, evidence: EVIDENCE, sinceMs: 0, ready: true };
        const trial = trials.get(slot);
        return trial === undefined ? served : { ...served, trial };
      }),
    observed: (slot) => {
      const bundle = trials.get(slot)?.bundle ?? serving.get(slot);
      return bundle === undefined ? undefined : { ...UNTOUCHED, statement: bundle.statement, ...observe?.(bundle) };
    },
    onLost: (listener) => {
      losing.add(listener);
      return { [Symbol.dispose]: () => void losing.delete(listener) };
    },
  };
  const updater = openUpdater({
    store: {
      slots: state.slots,
      poisons: state.poisons,
      saveSlot: (slot, next, poisons) => {
        save(() => {
          state.saveSlot(slot, next, poisons);
        });
      },
      removeSlot: (slot) => {
        save(() => {
          state.removeSlot(slot);
        });
      },
      keepCopy: state.keepCopy,
    },
    bundles,
    bundlesPath,
    engine,
    archives: {
      fetch: async ({ sha256: digest }, { signal }) => {
        await hold?.(digest, signal);
        const bytes = archives.get(digest);
        if (bytes === undefined) throw new Error("nobody has this archive");
        const path = join(directory, "transfer", digest);
        mkdirSync(join(directory, "transfer"), { recursive: true });
        writeFileSync(path, bytes);
        fetched.push(digest);
        return path;
      },
      discard: () => Promise.resolve(),
    },
    publisher: () => publisherOf(owners),
    rollbackIndexOf: state.rollbackIndexOf,
    traits: { hardwareClasses: ["linux-x64"], agentVersion: "0.1.0" },
    nowMs: () => Date.now(),
    mayInstall: () => true,
    onChange: (change) => changes.push(change),
    clock: systemClock,
    log,
    ...ports,
  });
  return {
    updater,
    serving,
    standby,
    trials,
    lose: (slot, refusal) => {
      const bundle = serving.get(slot);
      if (bundle === undefined) throw new Error("nothing answers there");
      for (const listener of losing) listener({ slot, statement: bundle.statement, refusal });
    },
    changes,
    fetched,
    dark: dark.promise,
    isDark: () => isDark,
    [Symbol.asyncDispose]: async () => {
      await updater[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    },
  };
}
