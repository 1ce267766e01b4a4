/** How an experiment begins: a rollout that splits the traffic of its devices, and the row that compares. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DeviceId, ModelVersion } from "../../protocol/ids.ts";
import { SOAK_MS_MAX } from "../../protocol/trust/deployment.ts";
import { recordEvent } from "../fleet/events.ts";
import { checkedSpec } from "../rollout/checked-spec.ts";
import { createRollout } from "../rollout/create-rollout.ts";
import { devicesText } from "../rollout/end-of-rollout.ts";
import type { PlannedDevice } from "../rollout/plan.ts";
import type { Planned } from "../rollout/read-plan.ts";
import type { RolloutSpec } from "../rollout/rollout-spec.ts";
import type { InTransaction, Store } from "../store/store.ts";
import type { ExperimentSpec } from "./experiment-spec.ts";

/** One that a device does not get done in this long is tried again: the split itself lasts a day. */
const DEPLOYMENT_MS_MAX = SOAK_MS_MAX + 3_600_000;

/** The rollout under an experiment: it splits, has no gates, and is never over by itself while devices are renewed. */
export function rolloutOfExperiment(spec: ExperimentSpec, nowMs: number): RolloutSpec {
  const { name, model, version, selector, devices, share } = spec;
  return checkedSpec(
    {
      name: `experiment-${name}`,
      model,
      version,
      ...(devices === undefined ? { selector: selector ?? "" } : { devices }),
      mode: { kind: "split", share },
      deviceSoakMs: SOAK_MS_MAX,
      gates: [],
      // Devices on which B fails take no part: what the others show counts all the same.
      quorum: 0,
      deploymentMsMax: DEPLOYMENT_MS_MAX,
    },
    nowMs,
  );
}

export interface Participants {
  /** A. */
  readonly former: ModelVersion;
  readonly devices: readonly DeviceId[];
  /** Those that match and take no part, with the reason. */
  readonly leftOut: readonly { readonly device: DeviceId; readonly why: string }[];
}

/** Who can take part: devices that serve A, and can hold B beside it. Throws `nothing-to-do`, `several-versions`, `rollout-under-way`. */
export function participantsOf(
  { version, against }: ExperimentSpec,
  { plan, rivals }: Pick<Planned, "plan" | "rivals">,
): Participants {
  const rival = rivals[0];
  if (rival !== undefined) {
    throw new FerryError(
      "rollout-under-way",
      `Rollout ${rival.rollout} of ${rival.version} is under way on ${devicesText(rival.devices)} of these`,
      { hint: `Let it end, or end it: ferry rollout status ${rival.rollout}`, exitCode: EXIT.conflict },
    );
  }
  const able = plan.devices.filter((device) => obstacleTo(device, version) === undefined);
  const versions = new Set(able.flatMap(({ from }) => from ?? []));
  const former = against ?? [...versions][0];
  if (against === undefined && versions.size > 1) {
    const counts = [...versions].map(
      (one) => `${one} on ${devicesText(able.filter(({ from }) => from === one).length)}`,
    );
    throw new FerryError("several-versions", `These devices serve several versions: ${counts.join(", ")}`, {
      hint: "An experiment compares with one: name it with --against VERSION (the other devices are left out), or choose fewer devices.",
      exitCode: EXIT.conflict,
    });
  }
  const devices = able.filter(({ from }) => from === former).map(({ device }) => device);
  const leftOut = plan.devices.flatMap((one) => {
    const why = obstacleTo(one, version) ?? (one.from === former ? undefined : `it serves ${one.from ?? "nothing"}`);
    return why === undefined ? [] : [{ device: one.device, why }];
  });
  if (former !== undefined && devices.length > 0) return { former, devices, leftOut };
  const shown = leftOut.slice(0, REASONS_MAX).map(({ device, why }) => `${device}: ${why}`);
  throw new FerryError("nothing-to-do", `No device can take part: ${shown.join("; ")}`, {
    hint: `A device takes part that serves ${against ?? "another version"} and can hold both: see them with ferry device list.`,
    exitCode: EXIT.conflict,
  });
}

/** In one sentence for a person. */
const REASONS_MAX = 5;

function obstacleTo({ action, from, obstacles }: PlannedDevice, version: ModelVersion): string | undefined {
  if (action === "cannot") return obstacles.map(({ text }) => text).join("; ");
  if (from === undefined) return "it serves nothing under this name, so there is no A";
  return action === "same" || from === version ? `it serves ${version} already` : undefined;
}

export interface NewExperiment {
  readonly spec: ExperimentSpec;
  readonly planned: Planned;
  readonly participants: Participants;
  /** For people: what was asked for. */
  readonly selector: string;
  readonly author: string;
}

/** Gives the new id. Throws `experiment-under-way` where one of its name runs. */
export async function createExperiment(
  store: Store,
  { spec, planned, participants, selector, author }: NewExperiment,
  nowMs: number,
  also: (name: string) => InTransaction,
): Promise<number> {
  const { entry, foresight } = planned;
  const { devices, former } = participants;
  const made: { id?: number } = {};
  const rollout = {
    entry,
    spec: rolloutOfExperiment(spec, nowMs),
    selector,
    author,
    devices,
    foretold: foresight.devices,
  };
  await createRollout(store, rollout, nowMs, (id) => async (trx) => {
    await requireNotRunning(trx, spec.name);
    const row = await trx
      .insertInto("experiments")
      .values({
        name: spec.name,
        rollout: id,
        model: spec.model,
        candidate: spec.version,
        former,
        selector,
        spec_json: JSON.stringify(spec),
        author,
        created_ms: nowMs,
        ends_ms: nowMs + spec.durationMs,
        state: "running",
        ended_ms: null,
        ended_by: null,
        why: null,
        promotion: null,
      })
      .returning("id")
      .executeTakeFirstOrThrow();
    made.id = row.id;
    const text = `experiment ${spec.name}: ${spec.model} ${former} against ${spec.version} on ${devicesText(devices.length)} (${selector}), rollout ${id}`;
    await recordEvent(trx, { kind: "experiment-created", rollout: id, text }, nowMs);
    await also(spec.name)(trx);
  });
  return made.id ?? 0;
}

async function requireNotRunning(trx: Store, name: string): Promise<void> {
  const other = await trx
    .selectFrom("experiments")
    .select("id")
    .where("name", "=", name)
    .where("state", "=", "running")
    .executeTakeFirst();
  if (other === undefined) return;
  throw new FerryError("experiment-under-way", `Experiment ${name} is running`, {
    hint: `Stop it (ferry experiment stop ${name}), or give this one another name with --name.`,
    exitCode: EXIT.conflict,
  });
}
