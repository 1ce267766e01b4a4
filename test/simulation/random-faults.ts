/** The faults that a seed gives a fleet. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { Fault } from "./faults.ts";
import { between, randomFor } from "./random.ts";
import { START_MS } from "./scenario.ts";

/** The share of the devices that each kind of fault befalls. */
export interface FaultMix {
  readonly offline?: number;
  readonly powerCut?: number;
  readonly powerOff?: number;
  readonly diskFull?: number;
  readonly lossy?: number;
  readonly bitRot?: number;
  readonly deadClock?: number;
}

export const ROUGH: FaultMix = {
  offline: 0.3,
  powerCut: 0.3,
  powerOff: 0.2,
  diskFull: 0.1,
  lossy: 0.2,
  bitRot: 0.1,
  deadClock: 0.2,
};

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Writes of the state that a device makes in a story of a few updates: where its power may go. */
const SAVES = 60;
const CUTS_MAX = 6;
/** Nobody's disk is full, or line bad, for longer. */
const TROUBLE_MS_MAX = 4 * HOUR_MS;

/** By then the controller has met every device that is there from the start. */
const SETTLED_MS = 12 * MINUTE_MS;

/** All of them are over at `untilMs`, counted from the start. */
export function randomFaults(
  { seed, devices, mix }: { readonly seed: number; readonly devices: readonly DeviceId[]; readonly mix: FaultMix },
  untilMs: number,
): readonly Fault[] {
  return devices.flatMap((device) => faultsOf(device, mix, { random: randomFor(seed, `faults ${device}`), untilMs }));
}

function faultsOf(
  device: DeviceId,
  mix: FaultMix,
  { random, untilMs }: { readonly random: () => number; readonly untilMs: number },
): Fault[] {
  const faults: Fault[] = [];
  const befalls = (share: number | undefined) => random() < (share ?? 0);
  const span = (mostMs: number) => {
    const fromMs = START_MS + Math.floor(between(random, SETTLED_MS, untilMs));
    return { fromMs, untilMs: Math.min(START_MS + untilMs, fromMs + Math.floor(random() * mostMs)) };
  };
  const offMs = () => Math.floor(between(random, 5_000, HOUR_MS));
  if (befalls(mix.offline)) faults.push({ kind: "offline", device, ...span(untilMs / 2) });
  for (let cuts = 0; cuts < CUTS_MAX && befalls(mix.powerCut); cuts += 1) {
    const when = random() < 0.5 ? "before" : "after";
    const atSave = Math.floor(random() * SAVES);
    faults.push({ kind: "power-cut", device, atSave, when, offMs: offMs(), untilMs: START_MS + untilMs });
  }
  if (befalls(mix.powerOff)) {
    const atMs = START_MS + Math.floor(between(random, MINUTE_MS, untilMs));
    faults.push({ kind: "power-off", device, atMs, offMs: offMs() });
  }
  if (befalls(mix.diskFull)) faults.push({ kind: "disk-full", device, ...span(TROUBLE_MS_MAX) });
  if (befalls(mix.lossy))
    faults.push({ kind: "lossy", device, ...span(TROUBLE_MS_MAX), share: between(random, 0.05, 0.5) });
  if (befalls(mix.bitRot)) faults.push({ kind: "bit-rot", device, atMs: span(0).fromMs });
  if (befalls(mix.deadClock)) faults.push({ kind: "clock", device, system: random() < 0.5 ? "1970" : "ahead" });
  return faults;
}
