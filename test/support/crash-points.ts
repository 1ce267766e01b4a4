/** A device with two slots that loses its power again and again, at writes that a seed chooses. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import type { VerifiedBundle } from "../../agent/inference/inference-engine.ts";
import type { ModelName } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { bundle, type Bundle, type Version } from "./agent-bench.ts";
import { hurriedClock } from "./hurried-clock.ts";
import { seededRandom } from "./seeded-random.ts";
import { until } from "./until.ts";
import { openWorld, type Boot, type BootOptions, type World } from "./update-world.ts";

export type Releases = Readonly<Record<"left" | "right", Readonly<Record<Version, Bundle>>>>;

const SLOTS = ["left", "right"] as const;
const VERSIONS = ["1.0.0", "1.1.0"] as const;
/** More writes than an update of two slots takes: some cuts come too late, and the update gets through. */
const WRITES_MAX = 16;
const CUTS_MAX = 4;
/** As many attempts as a version may be interrupted in, and the one that is not. */
const SOAKS_MS = [0, 1, 40];

/** Made once: signing takes longer than a round. */
export async function makeReleases(t: Test): Promise<Releases> {
  const mark = (directory: string) => {
    writeFileSync(join(directory, "mark.txt"), "right");
  };
  return {
    left: { "1.0.0": await bundle(t, "1.0.0"), "1.1.0": await bundle(t, "1.1.0") },
    right: { "1.0.0": await bundle(t, "1.0.0", undefined, mark), "1.1.0": await bundle(t, "1.1.0", undefined, mark) },
  };
}

/** One device, from its first deployment over some cuts to the last wish. Throws where it breaks a promise. */
export async function runCrashRound(directory: string, releases: Releases, seed: number): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const round = new Round(openWorld(directory), releases, seededRandom(seed));
  try {
    await round.run();
  } catch (cause) {
    throw new Error(`seed ${String(seed)}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

type Combination = readonly [Version, Version];

class Round {
  readonly #world: World;
  readonly #releases: Releases;
  readonly #random: () => number;
  /** Every other round has a release that fails here and there. */
  readonly #hasFailures: boolean;
  #retry = 0;

  constructor(world: World, releases: Releases, random: () => number) {
    this.#world = world;
    this.#releases = releases;
    this.#random = random;
    this.#hasFailures = random() < 0.5;
  }

  async run(): Promise<void> {
    {
      await using boot = await this.#boot();
      await boot.updater.apply(this.#deployment(["1.0.0", "1.0.0"]));
      await until("the first releases are committed", () => isCommitted(boot, ["1.0.0", "1.0.0"]));
    }
    const cuts = 1 + Math.floor(this.#random() * CUTS_MAX);
    for (let cut = 0; cut < cuts; cut += 1) await this.#updateThroughCut();
    const last = this.#combination();
    await using boot = await this.#boot();
    this.#checkServing(boot);
    this.#retry += 1;
    await boot.updater.apply(this.#deployment(last));
    await until(`${last.join()} is committed; it is ${told(boot)}`, () => isCommitted(boot, last));
    for (const { state } of boot.updater.slots()) {
      if (state.active === null) throw new Error("a committed slot has no active bundle");
    }
  }

  async #updateThroughCut(): Promise<void> {
    const wanted = this.#combination();
    const cut = {
      atSave: Math.floor(this.#random() * WRITES_MAX),
      when: this.#pick(["before", "after"] as const),
    };
    const failing = this.#hasFailures ? this.#failing() : {};
    await using boot = await this.#boot({ cut, ...failing });
    await boot.updater.restored;
    if (!boot.isDark()) this.#checkServing(boot);
    await Promise.race([boot.dark, boot.updater.apply(this.#deployment(wanted))]);
    const done = until("the power is gone, or the slots are at rest", () => boot.isDark() || isAtRest(boot));
    await Promise.race([boot.dark, done]);
    done.catch(() => undefined);
  }

  /**
   * Where nothing fails, each deployment changes both slots or none: then nothing but the two combinations may ever
   * answer. Where one slot fails, the other goes its own way with the next deployment.
   */
  #combination(): Combination {
    const version = this.#pick(VERSIONS);
    return [version, this.#hasFailures ? this.#pick(VERSIONS) : version];
  }

  /** What answers, without any deployment: something in each slot, and together what some deployment wished. */
  #checkServing(boot: Boot): void {
    const now = versions(boot);
    if (now.includes(undefined)) throw new Error(`nothing answers in a slot: ${now.join()}`);
    if (!this.#hasFailures && new Set(now).size > 1) throw new Error(`a mix answers: ${now.join()}`);
  }

  #boot(options: BootOptions = {}): Promise<Boot> {
    return bootRestored(this.#world, options);
  }

  #failing(): BootOptions {
    const [isRight, isRefused] = [this.#random() < 0.5, this.#random() < 0.5];
    const isMeant = (one: VerifiedBundle) =>
      one.model.version === "1.1.0" && existsSync(join(one.directory, "mark.txt")) === isRight;
    if (!isRefused) return { observe: (one) => (isMeant(one) ? { recentCrashes: 3 } : {}) };
    return { refuse: (one) => (isMeant(one) ? { code: "self-test", message: "case 3 differs" } : undefined) };
  }

  #deployment(wanted: Combination) {
    const soakMs = this.#pick(SOAKS_MS);
    return this.#world.deployment(
      ...SLOTS.map((name, at): DeployedSlot => {
        const release = this.#releases[name][wanted[at] ?? "1.0.0"];
        const options = { soakMs, ...(this.#retry === 0 ? {} : { retry: this.#retry }) };
        return { ...this.#world.wish(release, options), slot: name as ModelName };
      }),
    );
  }

  #pick<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.#random() * choices.length)];
    if (chosen === undefined) throw new Error("there is nothing to choose from");
    return chosen;
  }
}

async function bootRestored(world: World, options: BootOptions): Promise<Boot> {
  const boot = await world.boot({ ...options, ports: { clock: hurriedClock } });
  await boot.updater.restored;
  return boot;
}

function versions({ serving }: Boot): (string | undefined)[] {
  return SLOTS.map((name) => serving.get(name as ModelName)?.model.version);
}

function told({ updater }: Boot): string {
  return updater
    .slots()
    .map(({ state }) => state.phase)
    .join();
}

function isCommitted(boot: Boot, wanted: Combination): boolean {
  const phases = boot.updater.slots().map(({ state }) => state.phase);
  return phases.join() === "committed,committed" && versions(boot).join() === wanted.join();
}

function isAtRest({ updater }: Boot): boolean {
  const resting = new Set(["committed", "failed", "rolled-back"]);
  return updater.slots().every(({ state }) => resting.has(state.phase));
}
