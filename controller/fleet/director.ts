/** Signs what each device is to run, and answers devices that ask. */
import type { Clock } from "../../common/clock.ts";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { MqttLink } from "../../common/mqtt-link.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import type { Hello } from "../../protocol/messages/hello.ts";
import { deviceTopics, fleetTopics } from "../../protocol/topics.ts";
import { signDeployment, type Deployment } from "../../protocol/trust/deployment.ts";
import type { Trust } from "../roots/live-roots.ts";
import { bundleByStatement, slotOf } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";
import { deploymentOf, restartSequences, storeDeployment, type StoredDeployment } from "./deployments.ts";
import { isAheadOfController } from "./device-view.ts";
import { recordEvent } from "./events.ts";
import { readDevices } from "./read-devices.ts";
import { recoverDeployment } from "./recover-deployment.ts";

/** How long a deployment is good: a device cut off for longer runs on, but installs nothing until it hears a fresh one. */
const DEPLOYMENT_LIFETIME_MS = 7 * 24 * 3_600_000;
/** Retained deployments are signed anew this long after they were issued: six tries before one expires. */
const RENEW_AFTER_MS = 24 * 3_600_000;
/** Deployments on their way to the broker at once: half of what the link takes, so that others get through. */
const PUBLISHES_AT_ONCE = 4;
/** A signer that failed is asked again after this: an HSM that restarts needs seconds. */
const SIGN_AGAIN_MS = 5_000;
/** Nothing is due for longer than this without being looked for. */
const IDLE_MS = 1_000;

export interface DirectorPorts {
  readonly store: Store;
  readonly fleet: FleetId;
  /** The roots and the director's key as they are at this instant; see `live-roots.ts`. */
  readonly trust: () => Trust;
  readonly publish: MqttLink["publish"];
  readonly clock: Clock;
  readonly log: Log;
}

/** None of these waits for the broker: what is due is signed and sent by a loop of its own, the newest wish only. */
export interface Director extends AsyncDisposable {
  /** Its deployment with its nonce, and the roots it lacks. A device without a deployment gets sequence 1 and no slots. */
  readonly answer: (device: DeviceId, hello: Hello) => Promise<void>;
  /** After an accepted report: where its deployment was lost here, what it runs becomes what it is to run. */
  readonly recover: (device: DeviceId) => Promise<void>;
  /** Signs and publishes, retained, what these devices are to run. */
  readonly publish: (devices: readonly DeviceId[]) => void;
  /** After each connect: roots, and every deployment, whatever the broker still retains. */
  readonly publishAll: () => Promise<void>;
  /** Signs anew what would expire; call it now and then. */
  readonly renew: () => void;
  /** Why nothing can be signed; undefined while it can. */
  readonly problem: () => string | undefined;
}

export function openDirector(ports: DirectorPorts): Director {
  const { store, fleet, clock, log } = ports;
  const closing = new AbortController();
  const isClosing = () => closing.signal.aborted;
  /** Devices whose deployment is to be sent; bounded by the devices that there are. */
  const due = new Set<DeviceId>();
  /** The newest unanswered nonce of each device; bounded in the same way. */
  const nonces = new Map<DeviceId, string>();
  const issuedMs = new Map<DeviceId, number>();
  /** Roots after this version are to be published. */
  let rootsAfter: number = ports.trust().newest.version;
  let problem: string | undefined;
  let wake = new AbortController();

  function publish(devices: readonly DeviceId[]): void {
    for (const device of devices) due.add(device);
    wake.abort();
  }

  async function run(): Promise<void> {
    while (!isClosing()) {
      wake = new AbortController();
      if (due.size === 0) await clock.sleep(IDLE_MS, AbortSignal.any([wake.signal, closing.signal]));
      try {
        await publishRoots();
        const some = [...due].slice(0, PUBLISHES_AT_ONCE);
        for (const device of some) due.delete(device);
        if (await issueAll(some)) continue;
        publish(some);
        await clock.sleep(SIGN_AGAIN_MS, closing.signal);
      } catch (thrown) {
        // Everything is due again after the next connect; a device whose answer is lost asks again.
        log.debug({ error: messageOf(thrown) }, "deployments could not be published");
        due.clear();
      }
    }
  }

  /** False where the signer fails: an HSM or KMS that is away keeps what is due, and is tried again. */
  async function issueAll(some: readonly DeviceId[]): Promise<boolean> {
    try {
      await Promise.all(some.map(issue));
      problem = undefined;
      return true;
    } catch (thrown) {
      if (!(thrown instanceof FerryError) || !thrown.code.startsWith("signer-")) throw thrown;
      const text = `Deployments cannot be signed: ${thrown.message}`;
      if (text !== problem) {
        log.error({ code: thrown.code }, text);
        await recordEvent(store, { kind: "director-signer-failed", text }, clock.nowMs());
      }
      problem = text;
      return false;
    }
  }

  async function publishRoots(): Promise<void> {
    const { roots, newest } = ports.trust();
    const wanted = roots.filter(({ version }) => version > rootsAfter);
    rootsAfter = newest.version;
    for (const root of wanted) {
      await ports.publish(fleetTopics(fleet).root(root.version), root.bytes, { qos: 1, retain: true });
    }
  }

  async function issue(device: DeviceId): Promise<void> {
    const stored = await deploymentOf(store, device);
    if (stored === undefined) return;
    const nonce = nonces.get(device);
    const { newest, director } = ports.trust();
    const nowMs = clock.nowMs();
    const deployment: Deployment = {
      v: 1,
      fleet,
      device,
      seq: stored.seq,
      rootVersion: newest.version,
      issued: new Date(nowMs).toISOString(),
      expires: new Date(nowMs + DEPLOYMENT_LIFETIME_MS).toISOString(),
      ...(nonce === undefined ? {} : { nonce }),
      slots: [...stored.slots],
    };
    const envelope = await signDeployment(deployment, director);
    if (nonces.get(device) === nonce) nonces.delete(device);
    await ports.publish(deviceTopics(fleet, device).desired, JSON.stringify(envelope), { qos: 1, retain: true });
    issuedMs.set(device, nowMs);
  }

  /** False while what the device runs cannot be taken over yet. */
  async function recoverNow(device: DeviceId, deviceSeq: number): Promise<boolean> {
    const [view] = await readDevices(store, [device]);
    const report = view?.report;
    if (report === undefined || report.seq < deviceSeq) return false;
    const statements = report.slots.flatMap((slot) => slot.active?.statement ?? slot.desired ?? []);
    const entries = await Promise.all(statements.map((statement) => bundleByStatement(store, statement)));
    const recovery = recoverDeployment(report, (statement) => {
      const entry = entries.find((found) => found?.statement === statement);
      return entry === undefined ? undefined : slotOf(entry);
    });
    const lost = `${device} holds deployment ${report.seq}, which this controller does not know: its database was lost or restored, or somebody else has its director key`;
    if (recovery.kind === "held") {
      await tell(device, "deployment-held", `${lost}. Nothing is deployed to it: ${recovery.why}`);
      return false;
    }
    const deployment: StoredDeployment = { device, seq: recovery.seq, slots: recovery.slots };
    await storeDeployment(store, deployment, clock.nowMs());
    await tell(device, "deployment-recovered", `${lost}. What it runs is taken over as ${recovery.seq}`);
    return true;
  }

  async function tell(device: DeviceId, kind: "deployment-held" | "deployment-recovered", text: string): Promise<void> {
    log.warn({ device }, text);
    await recordEvent(store, { kind, device, text }, clock.nowMs());
  }

  const running = run();
  return {
    answer: async (device, { nonce, rootVersion: knownRoot, seq: heldSeq }) => {
      // The director's key has changed since: what a former one signed, the device forgets with the next root.
      const seq = knownRoot < ports.trust().directorSince ? 0 : heldSeq;
      rootsAfter = Math.min(rootsAfter, knownRoot);
      nonces.set(device, nonce);
      const stored = await deploymentOf(store, device);
      // A device that is ahead is answered when its report has told what it runs.
      if (seq > (stored?.seq ?? 0) && !(await recoverNow(device, seq))) return;
      if (stored === undefined && seq === 0) await storeDeployment(store, { device, seq: 1, slots: [] }, clock.nowMs());
      publish([device]);
    },
    recover: async (device) => {
      const [view] = await readDevices(store, [device]);
      if (view?.report === undefined || !isAheadOfController(view)) return;
      if (view.report.rootVersion < ports.trust().directorSince) return;
      if (await recoverNow(device, view.report.seq)) publish([device]);
    },
    publish,
    publishAll: async () => {
      rootsAfter = 0;
      if (ports.trust().directorSince > 1) await restartSequences(store);
      const rows = await store.selectFrom("deployments").select("device").execute();
      publish(rows.map(({ device }) => device));
    },
    renew: () => {
      const dueMs = clock.nowMs() - RENEW_AFTER_MS;
      const old = [...issuedMs].filter(([, atMs]) => atMs < dueMs).map(([device]) => device);
      if (old.length > 0) log.info({ devices: old.length }, "deployments are signed anew before they expire");
      publish(old);
    },
    problem: () => problem,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await running;
    },
  };
}
