import type { Clock } from "../../../common/clock.ts";
import { messageOf } from "../../../common/ferry-error.ts";
import type { Evidence } from "../../../protocol/trust/evidence.ts";
import { BundleRefused } from "../../../protocol/trust/model-signing.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";
import type { Processor } from "../../processing/processor.ts";
import type { ThreadPorts } from "./best-threads.ts";
import { bestVariant, type BestVariant, type VariantChoice, type VariantMemory } from "./best-variant.ts";
import type { EngineCache } from "./engine-cache.ts";
import type { Candidate, Qualification, VerifiedBundle } from "../inference-engine.ts";
import { variantChoices, type LoadChoice, type VariantChoices } from "./load-choice.ts";
import { killOnAbort } from "./load-runner.ts";
import { selfTest, type SelfTest, type WarmRunner } from "./qualify.ts";
import { Refused } from "../refused.ts";
import { planRoom, type Room, type RoomPorts } from "./room.ts";
import { RunnerGone } from "../runner/runner-process.ts";
import type { Runner } from "../runner/runner.ts";
import { requireSameInterface } from "../slot/same-interface.ts";
import type { QualifiedModel } from "../slot/serving-version.ts";
import type { Slot } from "../slot/slot.ts";

export interface CandidatePorts extends RoomPorts {
  /** Leaves no process behind where it throws. `isUrgent`: requests wait for it. */
  readonly load: (
    bundle: VerifiedBundle,
    choice: LoadChoice,
    options: { readonly isUrgent: boolean; readonly signal: AbortSignal },
  ) => Promise<WarmRunner>;
  readonly threadsOf: (bundle: VerifiedBundle) => ThreadPorts["threads"];
  /** What this device is, for variants that are not for every one. */
  readonly hardwareClasses: readonly string[];
  readonly variantMemory: VariantMemory;
  readonly engines: EngineCache;
  /** Tells what golden pictures and sounds mean. */
  readonly processor: Pick<Processor, "interpret">;
  readonly clock: Clock;
}

/**
 * How long a candidate in whose favour the slot was suspended may wait for its activation. That follows within
 * milliseconds, unless other slots of the same deployment are waited for: then the former version answers meanwhile.
 */
const HOLD_MS_MAX = 1_000;

interface Held {
  readonly model: QualifiedModel;
  readonly room: Room;
  readonly taken: AbortController;
  /** Empty when it gave its room back. */
  runners: readonly Runner[];
  parking: Promise<void>;
}

interface Taken {
  readonly model: QualifiedModel;
  /** At least one; those that `instances` asks for beyond them are yet to be loaded. */
  readonly runners: readonly Runner[];
  readonly instances: number;
}

/** Versions on their way to the traffic: from the start of their runner until they are activated or discarded. */
export class Candidates {
  readonly #ports: CandidatePorts;
  readonly #held = new Map<Candidate, Held>();
  readonly #qualifying = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(ports: CandidatePorts) {
    this.#ports = ports;
  }

  /** `slot` is what answers under the same name, if anything does. Never throws. */
  async qualify(
    slot: Slot | undefined,
    bundle: VerifiedBundle,
    signal: AbortSignal,
    traffic?: SoakTraffic,
  ): Promise<Qualification> {
    const stopped = AbortSignal.any([signal, this.#closing.signal]);
    const qualifying = this.#qualify(slot, bundle, stopped, traffic);
    this.#qualifying.add(qualifying);
    try {
      return { kind: "qualified", candidate: await qualifying };
    } catch (error) {
      const refused = stopped.aborted ? new Refused("deadline", "Qualification was stopped before it was done") : error;
      return { kind: "refused", refusal: refusedFor(refused).refusal };
    } finally {
      this.#qualifying.delete(qualifying);
    }
  }

  async #qualify(
    slot: Slot | undefined,
    bundle: VerifiedBundle,
    signal: AbortSignal,
    traffic: SoakTraffic | undefined,
  ): Promise<Candidate> {
    const { needs, load, hardwareClasses, variantMemory: memory, engines } = this.#ports;
    if (traffic !== undefined) requireSameInterface(slot?.active?.bundle, bundle, traffic);
    const variants = variantChoices(bundle.model, hardwareClasses);
    const files = filesToLoad(variants, memory.recall(bundle.statement));
    const room = await planRoom(this.#ports, slot, { bundle, files, traffic });
    try {
      await room.take();
      const isBeside = room.mode === "load-first" && slot?.active?.isReady === true;
      const choosing = {
        load: async (choice: LoadChoice) => {
          const loaded = await load(bundle, choice, { isUrgent: !isBeside, signal });
          needs.note(bundle.statement, choice.file, loaded.runner.peakPrivateBytes());
          return loaded;
        },
        test: (loaded: WarmRunner) => this.#test(loaded, bundle, signal),
        forgetEngines: (choice: LoadChoice) => engines.forget(bundle, choice),
        threads: this.#ports.threadsOf(bundle),
        memory,
      };
      const { runner, choice, ...best } = await bestVariant(choosing, bundle.statement, variants, signal);
      needs.note(bundle.statement, choice.file, runner.peakPrivateBytes());
      const { evidence: _, ...tested } = best.test;
      const evidence = { ...evidenceOf({ choice, ...best }), memoryMode: room.mode };
      const candidate: Candidate = { bundle, evidence };
      const others = await this.#loadOthers(runner, room, { bundle, choice }, { isUrgent: !isBeside, signal });
      this.#hold(candidate, { bundle, choice, ...tested }, room, [runner, ...others]);
      return candidate;
    } catch (error) {
      room.giveBack();
      throw error;
    }
  }

  /** Leaves no process behind where the test throws, or is stopped. */
  async #test(loaded: WarmRunner, bundle: VerifiedBundle, signal: AbortSignal): Promise<SelfTest> {
    const { runner } = loaded;
    const { processor, clock } = this.#ports;
    using _killing = killOnAbort(runner, signal);
    try {
      const result = await selfTest(loaded, bundle, { processor, nowMs: clock.nowMs() });
      if (signal.aborted) throw new RunnerGone("It was stopped");
      return result;
    } catch (error) {
      runner.kill();
      await runner.ended;
      throw error;
    }
  }

  /**
   * The same model once more in other processes, so that a version that gets the traffic can carry it. What does not come up
   * is no fault of the model that has just been tested: it is tried again while the first one answers.
   */
  async #loadOthers(
    first: Runner,
    { instances }: Room,
    { bundle, choice }: Pick<QualifiedModel, "bundle" | "choice">,
    options: Parameters<CandidatePorts["load"]>[2],
  ): Promise<Runner[]> {
    const others: Runner[] = [];
    try {
      while (others.length + 1 < instances) others.push((await this.#ports.load(bundle, choice, options)).runner);
    } catch (error) {
      if (options.signal.aborted) {
        await killAll([first, ...others]);
        throw error;
      }
    }
    return others;
  }

  #hold(candidate: Candidate, model: QualifiedModel, room: Room, runners: readonly Runner[]): void {
    const held: Held = { model, room, runners, taken: new AbortController(), parking: Promise.resolve() };
    this.#held.set(candidate, held);
    if (room.mode === "unload-first") held.parking = this.#park(held);
  }

  async #park(held: Held): Promise<void> {
    await this.#ports.clock.sleep(HOLD_MS_MAX, held.taken.signal);
    if (held.taken.signal.aborted) return;
    const { runners } = held;
    held.runners = [];
    await endAll(runners);
    held.room.giveBack();
  }

  /** A qualified model with its runners, which the caller owns from here on. Throws Refused where it must load again and cannot. */
  async take(candidate: Candidate): Promise<Taken> {
    const held = await this.#release(candidate);
    if (held === undefined) throw new Error("a candidate can be activated once, and not after it was discarded");
    const { model, room, runners } = held;
    const { instances } = room;
    if (runners.length > 0) return { model, runners, instances };
    try {
      await room.take();
      const loaded = await this.#ports.load(model.bundle, model.choice, {
        isUrgent: true,
        signal: this.#closing.signal,
      });
      return { model, runners: [loaded.runner], instances };
    } catch (error) {
      room.giveBack();
      throw refusedFor(error);
    }
  }

  async discard(candidate: Candidate): Promise<void> {
    const held = await this.#release(candidate);
    await endAll(held?.runners ?? []);
    held?.room.giveBack();
  }

  async #release(candidate: Candidate): Promise<Held | undefined> {
    const held = this.#held.get(candidate);
    this.#held.delete(candidate);
    held?.taken.abort();
    await held?.parking;
    return held;
  }

  /** Kills what loads, and what waits. */
  async close(): Promise<void> {
    this.#closing.abort();
    const left = await Promise.all([...this.#held.keys()].map((candidate) => this.#release(candidate)));
    await killAll(left.flatMap((held) => held?.runners ?? []));
    await Promise.allSettled(this.#qualifying);
  }
}

/** Whatever is loaded must fit: the one that was chosen before, or the largest of those that are to be measured. */
function filesToLoad(variants: readonly VariantChoices[], known: VariantChoice | undefined): readonly string[] {
  const files = variants.map(({ name, choices: [choice] }) => ({ name, file: choice?.file ?? "" }));
  const chosen = files.find(({ name }) => name === known?.variant);
  return chosen === undefined ? files.map(({ file }) => file) : [chosen.file];
}

function evidenceOf({ choice, test, failed, figures }: Omit<BestVariant, "runner" | "warm">): Evidence {
  return {
    ...test.evidence,
    ...(failed.length === 0 ? {} : { failedProviders: [...failed] }),
    ...(choice.intraOpThreads === undefined ? {} : { intraOpThreads: choice.intraOpThreads }),
    ...(figures.length === 0 ? {} : { variant: choice.variant, variants: [...figures] }),
  };
}

async function endAll(runners: readonly Runner[]): Promise<void> {
  await Promise.all(runners.map((runner) => runner.end()));
}

async function killAll(runners: readonly Runner[]): Promise<void> {
  for (const runner of runners) runner.kill();
  await Promise.all(runners.map((runner) => runner.ended));
}

function refusedFor(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (error instanceof BundleRefused) return new Refused(error.code, error.message);
  return new Refused("runner-crash", messageOf(error));
}
