/** Reads, decides, applies: the one place where rollouts move. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { deploymentOf, storeDeployment, withSlot } from "../fleet/deployments.ts";
import { recordEvent } from "../fleet/events.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { bundleByStatement, slotOf } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { decide, type Decision } from "./decide.ts";
import { liveRollouts, membersOf } from "./rollouts.ts";

/** Nothing waits longer than this for a decision, even if its event was lost. */
const TICK_MS = 1_000;
/** Events within this time are decided together: a fleet that reports at once costs one pass. */
const GATHER_MS = 50;

export interface RolloutEnginePorts {
  readonly store: Store;
  /** Signs and sends what these devices are to run. */
  readonly publish: (devices: readonly DeviceId[]) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RolloutEngine extends AsyncDisposable {
  /** Something was heard of the device, or its presence changed. */
  readonly touch: (device: DeviceId) => void;
  /** Resolves when all that was known before the call has been decided and applied. */
  readonly settle: () => Promise<void>;
}

export function openRolloutEngine(ports: RolloutEnginePorts): RolloutEngine {
  const { clock, log } = ports;
  const closing = new AbortController();
  let touched = new Set<DeviceId>();
  let wake = new AbortController();
  let passing = Promise.resolve();

  function touch(device: DeviceId): void {
    touched.add(device);
    wake.abort();
  }

  function settle(): Promise<void> {
    passing = passing.then(async () => {
      const devices = touched;
      touched = new Set();
      try {
        await pass(ports, devices);
      } catch (thrown) {
        for (const device of devices) touched.add(device);
        throw thrown;
      }
    });
    const settled = passing;
    // The next pass must not inherit this one's failure; the caller still sees it.
    passing = passing.catch(() => undefined);
    return settled;
  }

  async function run(): Promise<void> {
    for (;;) {
      wake = new AbortController();
      if (touched.size === 0) await clock.sleep(TICK_MS, AbortSignal.any([wake.signal, closing.signal]));
      await clock.sleep(GATHER_MS, closing.signal);
      if (closing.signal.aborted) return;
      try {
        await settle();
      } catch (thrown) {
        log.error({ error: messageOf(thrown) }, "a rollout pass failed; trying again");
        await clock.sleep(TICK_MS, closing.signal);
      }
    }
  }

  const running = run();
  return {
    touch,
    settle,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await running;
      await passing;
    },
  };
}

/** One look at every rollout that may change: its open devices, and those of which something was heard. */
async function pass(ports: RolloutEnginePorts, touched: ReadonlySet<DeviceId>): Promise<void> {
  const rollouts = await liveRollouts(ports.store);
  for (const rollout of rollouts) {
    // A settled rollout changes only by what is heard of its devices.
    if (rollout.state !== "running" && touched.size === 0) continue;
    const issued = await ports.store.transaction().execute((trx) => advance(ports, trx, rollout, touched));
    // After the commit: a deployment that a device sees must survive a power cut here.
    ports.publish(issued);
  }
}

async function advance(
  { clock, log }: RolloutEnginePorts,
  trx: Store,
  rollout: RolloutRow,
  touched: ReadonlySet<DeviceId>,
): Promise<readonly DeviceId[]> {
  const nowMs = clock.nowMs();
  const rows = await membersOf(trx, rollout.id);
  const toLookAt = rows.filter(
    ({ isLive, device, state }) => isLive && (state === "waiting" || state === "deploying" || touched.has(device)),
  );
  const views = await readDevices(
    trx,
    toLookAt.map(({ device }) => device),
  );
  const viewOf = new Map(views.map((view) => [view.id, view]));
  const members = rows.map(({ device, state, seq, why }) => ({ device, state, seq, why, view: viewOf.get(device) }));
  const goal = { statement: rollout.statement, slot: rollout.name, state: rollout.state };
  const entry = await bundleByStatement(trx, rollout.statement);
  if (entry === undefined) throw new Error(`rollout ${rollout.id} is about a bundle that is not in the catalogue`);
  const issued: DeviceId[] = [];
  for (const decision of decide(goal, members, nowMs)) {
    log.debug({ rollout: rollout.id, ...decision }, "decided");
    if (decision.kind === "issue" && (await issue(trx, { rollout, slot: slotOf(entry) }, decision.device, nowMs)))
      issued.push(decision.device);
    await note(trx, rollout, decision, nowMs);
  }
  return issued;
}

/** True when the device's deployment changed; false when it asked for the bundle already. */
async function issue(
  trx: Store,
  { rollout, slot }: { readonly rollout: RolloutRow; readonly slot: DeployedSlot },
  device: DeviceId,
  nowMs: number,
): Promise<boolean> {
  const current = await deploymentOf(trx, device);
  const asksAlready = current?.slots.some((other) => other.slot === slot.slot && other.statement === slot.statement);
  const seq = asksAlready === true ? (current?.seq ?? 1) : (current?.seq ?? 0) + 1;
  if (asksAlready !== true) {
    await storeDeployment(trx, { device, seq, slots: withSlot(current?.slots ?? [], slot) }, nowMs);
  }
  await trx
    .updateTable("rollout_devices")
    .set({ seq })
    .where("rollout", "=", rollout.id)
    .where("device", "=", device)
    .execute();
  return asksAlready !== true;
}

async function note(trx: Store, rollout: RolloutRow, decision: Decision, nowMs: number): Promise<void> {
  const label = `${rollout.name}@${rollout.version}`;
  switch (decision.kind) {
    case "issue":
      return;
    case "mark": {
      const { device, state, why } = decision;
      await markMember(trx, rollout.id, decision, nowMs);
      if (state === "done") {
        await recordEvent(
          trx,
          { kind: "device-done", device, text: `${device} serves ${label}, by its own signed report` },
          nowMs,
        );
      } else if (state === "failed") {
        await recordEvent(
          trx,
          { kind: "device-failed", device, text: `${device} does not serve ${label}: ${why ?? ""}` },
          nowMs,
        );
      }
      return;
    }
    case "settle": {
      const { state } = decision;
      const finished_ms = state === "running" ? null : nowMs;
      await trx.updateTable("rollouts").set({ state, finished_ms }).where("id", "=", rollout.id).execute();
      const text =
        state === "running"
          ? `rollout ${rollout.id} of ${label} runs again`
          : `rollout ${rollout.id} of ${label} is ${state}`;
      await recordEvent(trx, { kind: "rollout-finished", text }, nowMs);
      return;
    }
    default:
      return unreachable(decision);
  }
}

/** `since_ms` moves only with the state: a progress sentence does not begin it anew. */
async function markMember(
  trx: Store,
  rollout: number,
  { device, state, why }: Extract<Decision, { kind: "mark" }>,
  nowMs: number,
): Promise<void> {
  await trx
    .updateTable("rollout_devices")
    .set(({ eb }) => ({
      state,
      why,
      since_ms: eb.case().when("state", "=", state).then(eb.ref("since_ms")).else(nowMs).end(),
    }))
    .where("rollout", "=", rollout)
    .where("device", "=", device)
    .execute();
}
