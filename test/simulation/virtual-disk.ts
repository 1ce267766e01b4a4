/** What a device keeps through a power cut. */
import type { DeviceId, ModelName, Sha256, StatementDigest } from "../../protocol/ids.ts";
import type { Poison } from "../../agent/update/poison.ts";
import type { SlotState } from "../../agent/update/state.ts";
import type { VirtualBundle } from "./virtual-bundle.ts";

export interface VirtualDisk {
  readonly slots: Map<ModelName, SlotState>;
  readonly rollbackIndex: Map<ModelName, number>;
  /** Verified bundles under their names. */
  readonly bundles: Map<StatementDigest, VirtualBundle>;
  /** Bytes of each archive that have arrived. */
  readonly archives: Map<Sha256, number>;
  trust: StoredTrust;
  poisons: readonly Poison[];
  reportCounter: number;
  /** The disk takes no writes. */
  isFull: boolean;
  /** Writes of the state so far. */
  readonly saves: () => number;
  /** One write of the state, whole or not at all. Throws PowerCut or DiskFull. */
  readonly save: (write: () => void) => void;
}

export interface StoredTrust {
  readonly seq: number;
  readonly contentDigest: Sha256 | null;
  readonly timeFloorMs: number;
}

/** The power goes at this write of the state, counted over the device's life. */
export interface CutPoint {
  readonly atSave: number;
  readonly when: "before" | "after";
  readonly offMs: number;
  /** Writes after that are spared: a fleet has to come to rest. */
  readonly untilMs: number;
}

export class PowerCut extends Error {
  readonly offMs: number;

  constructor(device: DeviceId, { atSave, when, offMs }: Omit<CutPoint, "untilMs">) {
    super(`${device}: the power goes ${when} write ${String(atSave)} of the state`);
    this.offMs = offMs;
  }
}

export class DiskFull extends Error {}

export function createDisk(device: DeviceId, cuts: readonly CutPoint[], nowMs: () => number): VirtualDisk {
  const cutAt = new Map(cuts.map((cut) => [cut.atSave, cut]));
  let saves = 0;
  const disk: VirtualDisk = {
    slots: new Map(),
    rollbackIndex: new Map(),
    bundles: new Map(),
    archives: new Map(),
    trust: { seq: 0, contentDigest: null, timeFloorMs: 0 },
    poisons: [],
    reportCounter: 0,
    isFull: false,
    saves: () => saves,
    save: (write) => {
      if (disk.isFull) throw new DiskFull("no space is left");
      const planned = cutAt.get(saves);
      const cut = planned !== undefined && nowMs() < planned.untilMs ? planned : undefined;
      saves += 1;
      if (cut?.when !== "before") write();
      if (cut !== undefined) throw new PowerCut(device, cut);
    },
  };
  return disk;
}
