import { unreachable } from "../../../protocol/unreachable.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";
import type { VerifiedBundle } from "../inference-engine.ts";
import type { LoadedModel } from "../loaded-model.ts";
import type { MemoryNeeds } from "./memory-needs.ts";
import { fittingInstances, MEMORY_RESERVE_BYTES, planMemory, type MemoryFacts } from "./memory-plan.ts";
import { Refused } from "../refused.ts";
import type { ServingVersion } from "../slot/serving-version.ts";
import type { Slot } from "../slot/slot.ts";

export interface RoomPorts {
  /** What processes may still take; undefined where nobody can tell. */
  readonly availableMemoryBytes: () => number | undefined;
  readonly needs: MemoryNeeds;
  /** How many runners a bundle is to have: each needs its memory. */
  readonly instancesOf: (bundle: VerifiedBundle) => number;
  /** What holds memory already. */
  readonly loaded: () => readonly LoadedModel[];
}

/** The memory into which a candidate loads: free beside the version that answers in its slot, or that version's own. */
export class Room {
  readonly mode: "load-first" | "unload-first";
  /** Runners for which there is memory. */
  readonly instances: number;
  readonly #slot: Slot | undefined;
  #suspended: ServingVersion | undefined;

  constructor(mode: Room["mode"], instances: number, slot: Slot | undefined) {
    this.mode = mode;
    this.instances = instances;
    this.#slot = slot;
  }

  /** Resolves when the room is free; requests wait from here on where that takes the version that answers. */
  async take(): Promise<void> {
    if (this.mode === "load-first") return;
    this.#suspended = this.#slot?.active;
    await this.#suspended?.suspend(this);
  }

  /** To be called when the candidate's process is gone: what was suspended loads again, and answers. */
  giveBack(): void {
    this.#suspended?.resume(this);
  }
}

interface Wanted {
  readonly bundle: VerifiedBundle;
  readonly files: readonly string[];
  readonly traffic: SoakTraffic | undefined;
}

/**
 * Decides by what is free at this moment. `slot` is what answers under the candidate's name, if anything does; `files` are
 * those of the bundle of which one at a time will be loaded. Throws Refused where the two are to soak side by side
 * (`traffic`), and do not fit so, and where a slot's first model cannot fit beside those of the others.
 */
export async function planRoom(
  { availableMemoryBytes, needs, instancesOf, loaded }: RoomPorts,
  slot: Slot | undefined,
  { bundle, files, traffic }: Wanted,
) {
  const availableBytes = availableMemoryBytes();
  const { needBytes, leastBytes } = await needs.of(bundle, files);
  const standbyBytes = slot?.standby?.privateBytes() ?? 0;
  const servingBytes = traffic === undefined ? (slot?.active?.privateBytes() ?? 0) : 0;
  const freeBytes = availableBytes === undefined ? undefined : availableBytes + standbyBytes + servingBytes;
  const instances = fittingInstances(instancesOf(bundle), needBytes, freeBytes);
  const facts = {
    availableBytes,
    needBytes: needBytes * instances,
    leastBytes,
    standbyBytes,
    isServing: slot?.active !== undefined,
  };
  const plan = planMemory(facts);
  if (traffic !== undefined && plan === "unload-first") throw noRoomFor(traffic, bundle, facts);
  switch (plan) {
    case "load-first":
      return new Room("load-first", instances, slot);
    case "unload-standby":
      await slot?.unloadStandby();
      return new Room("load-first", instances, slot);
    case "unload-first":
      await slot?.unloadStandby();
      return new Room("unload-first", instances, slot);
    case "refuse":
      throw noRoomBeside(loaded(), bundle, facts);
    default:
      return unreachable(plan);
  }
}

function noRoomFor(
  { kind }: SoakTraffic,
  { model }: VerifiedBundle,
  { availableBytes, needBytes }: MemoryFacts,
): Refused {
  const needed = `${model.version} takes ${megabytes(needBytes)}, and ${megabytes(MEMORY_RESERVE_BYTES)} stay free`;
  const there = `${megabytes(availableBytes ?? 0)} are there beside the version that answers`;
  return new Refused(
    "traffic-impossible",
    `A ${kind} needs both versions in memory: ${needed}; ${there}. Roll it out in mode replace, which unloads the former one first`,
  );
}

function noRoomBeside(
  loaded: readonly LoadedModel[],
  { model }: VerifiedBundle,
  { availableBytes, leastBytes }: MemoryFacts,
): Refused {
  const others = loaded.map(({ slot, version, memoryBytes }) => `${slot}@${version} takes ${megabytes(memoryBytes)}`);
  const there = `${megabytes(availableBytes ?? 0)} are free, of which ${megabytes(MEMORY_RESERVE_BYTES)} stay so`;
  return new Refused(
    "memory-full",
    `${model.name}@${model.version} takes at least ${megabytes(leastBytes)} of memory; ${[there, ...others].join(", ")}`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
