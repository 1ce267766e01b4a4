import type { Clock } from "../../../common/clock.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { readAnomalies } from "../../drift/read-anomalies.ts";
import { readClassDrift } from "../../drift/read-class-drift.ts";
import { readDrift, readDriftPictures, type DriftPorts, type DriftQuery } from "../../drift/read-drift.ts";
import type { Handlers } from "../bind-routes.ts";
import type { DRIFT_ROUTES } from "../drift-routes.ts";

export interface DriftHandlerPorts extends DriftPorts {
  readonly clock: Clock;
}

export function driftHandlers(ports: DriftHandlerPorts): Pick<Handlers, keyof typeof DRIFT_ROUTES> {
  return {
    driftStatus: async ({ query }) => ({ verdicts: [...(await readDrift(ports, queryOf(query, ports.clock)))] }),
    driftFeature: async ({ query }) => {
      const { pictures, features } = await readDriftPictures(ports, queryOf(query, ports.clock), query.feature);
      return {
        pictures: pictures.map(({ verdict, bins }) => ({ verdict, bins: [...bins] })),
        features: [...features],
      };
    },
    driftDevices: async ({ query: { model: slot, version, windowSeconds } }) => {
      const of = { slot, version, nowMs: ports.clock.nowMs(), windowMs: 1_000 * windowSeconds };
      return { verdicts: [...(await readClassDrift(ports.store, of))] };
    },
    anomalies: async ({ query }) => {
      const { model: slot, version, device, windowSeconds, by } = query;
      const devices = device === undefined ? undefined : [device];
      const nowMs = ports.clock.nowMs();
      const of = { slot, version, devices, nowMs, windowMs: 1_000 * windowSeconds, by };
      return { verdicts: [...(await readAnomalies(ports, of))] };
    },
  };
}

interface Asked {
  readonly model?: string;
  readonly version?: string;
  readonly device?: DeviceId;
  readonly windowSeconds: number;
  readonly referenceFromMs?: number;
  readonly referenceToMs?: number;
}

function queryOf(asked: Asked, clock: Clock): DriftQuery {
  const { model: slot, version, device, windowSeconds, referenceFromMs: from, referenceToMs: to } = asked;
  if ((from === undefined) !== (to === undefined) || (from !== undefined && to !== undefined && from >= to)) {
    throw new FerryError("bad-request", "A reference needs a beginning and an end after it", {
      hint: "Give --reference-from and --reference-to, such as 48h and 24h ago.",
      exitCode: EXIT.usage,
    });
  }
  return {
    slot,
    version,
    devices: device === undefined ? undefined : [device],
    nowMs: clock.nowMs(),
    windowMs: 1_000 * windowSeconds,
    referenceMs: from === undefined || to === undefined ? undefined : { from, to },
  };
}
