/** What goes wrong in a run, as data: a failing run is made smaller by leaving some of it out. */
import type { DeviceId } from "../../protocol/ids.ts";

export type Fault =
  /** No connection, as in a tunnel or a cellar. */
  | { readonly kind: "offline"; readonly device: DeviceId; readonly fromMs: number; readonly untilMs: number }
  /** The power goes at one write of the state, just before it is on the disk or just after. */
  | {
      readonly kind: "power-cut";
      readonly device: DeviceId;
      /** Counted over the device's life. */
      readonly atSave: number;
      readonly when: "before" | "after";
      readonly offMs: number;
      /** A write after that is spared. */
      readonly untilMs: number;
    }
  /** The power goes at a time. */
  | { readonly kind: "power-off"; readonly device: DeviceId; readonly atMs: number; readonly offMs: number }
  /** The disk takes neither archives nor writes of the state. */
  | { readonly kind: "disk-full"; readonly device: DeviceId; readonly fromMs: number; readonly untilMs: number }
  /** This share of the messages is lost, and as many come twice. */
  | {
      readonly kind: "lossy";
      readonly device: DeviceId;
      readonly fromMs: number;
      readonly untilMs: number;
      readonly share: number;
    }
  /** The bundle that answers is damaged on the disk. */
  | { readonly kind: "bit-rot"; readonly device: DeviceId; readonly atMs: number }
  /** No battery behind the clock; or one that was set to the far future. */
  | { readonly kind: "clock"; readonly device: DeviceId; readonly system: "1970" | "ahead" };

/** For a person: times are counted from the start of the run. */
export function faultText(fault: Fault, startMs: number): string {
  const { kind, device, ...rest } = fault;
  const values = Object.entries(rest).map(([key, value]) => {
    const isTime = key === "fromMs" || key === "untilMs" || key === "atMs";
    return `${key}=${String(isTime ? Number(value) - startMs : value)}`;
  });
  return [kind, device, ...values].join(" ");
}
