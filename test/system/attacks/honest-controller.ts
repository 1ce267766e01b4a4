/** The honest director and the honest judge of reports, whose only way to the device leads through the attacker's broker. */
import { join } from "node:path";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openMqttLink } from "../../../common/mqtt-link.ts";
import { CONTROLLER_CLIENT } from "../../../controller/broker/access.ts";
import { ensureDevice, recordInfo } from "../../../controller/fleet/inventory.ts";
import { acceptReport, type ReportOutcome } from "../../../controller/fleet/reports.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { parseDeviceInfo } from "../../../protocol/messages/device-info.ts";
import { parseHello } from "../../../protocol/messages/hello.ts";
import { deviceTopics, fleetTopics, parseTopic } from "../../../protocol/topics.ts";
import { signDeployment, type DeployedSlot, type Deployment } from "../../../protocol/trust/deployment.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import type { Report } from "../../../protocol/trust/report.ts";
import type { TrustRoot } from "../../../protocol/trust/root.ts";
import { until } from "../../support/until.ts";

export interface HonestController extends AsyncDisposable {
  /** Signs and publishes a deployment with this number, once connected; hellos are answered with it from then on. */
  readonly deploy: (seq: number, slots: readonly DeployedSlot[], changes?: Partial<Deployment>) => Promise<void>;
  readonly publishRoot: (root: TrustRoot) => Promise<void>;
  /** From now on another key signs, under another root. */
  readonly rotate: (director: Signer, rootVersion: number) => void;
  /** While true, hellos get no answer. */
  silent: boolean;
  /** The newest report that was believed. */
  readonly report: () => Report | undefined;
  /** What became of each report that came, oldest first. */
  readonly outcomes: readonly ReportOutcome[];
}

export async function openHonestController(options: {
  readonly url: string;
  readonly folder: string;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly director: Signer;
}): Promise<HonestController> {
  const { fleet, device } = options;
  await using resources = new AsyncDisposableStack();
  const { store } = resources.use(await openStore(join(options.folder, "controller.db")));
  await ensureDevice(store, device, Date.now());
  const told = { director: options.director, rootVersion: 1, seq: 1, silent: false };
  /** The highest number that went out under this director. */
  let issuedSeq = 0;
  let slots: readonly DeployedSlot[] = [];
  let report: Report | undefined;
  const outcomes: ReportOutcome[] = [];
  const connected = Promise.withResolvers<unknown>();
  const link = resources.use(
    openMqttLink({
      url: options.url,
      clientId: CONTROLLER_CLIENT,
      keepAliveSeconds: 60,
      subscriptions: new Map([[fleetTopics(fleet).upAny, 1]]),
      onConnect: connected.resolve,
      onMessage: hear,
      clock: systemClock,
      log: openLog("honest-controller", "silent"),
    }),
  );
  await connected.promise;

  async function hear(topic: string, payload: Uint8Array): Promise<void> {
    const { kind } = parseTopic(topic);
    if (kind === "info") await recordInfo(store, device, parseDeviceInfo(payload), Date.now());
    if (kind === "report") {
      const outcome = await acceptReport(store, fleet, device, payload, Date.now());
      outcomes.push(outcome);
      if (outcome.kind === "accepted") report = outcome.report;
    }
    if (kind === "hello" && !told.silent) {
      const hello = parseHello(payload);
      // A device that is ahead was led there by somebody else: the director's next number is above it.
      if (hello.seq > told.seq) told.seq = hello.seq + 1;
      // Not awaited: the acknowledgement of a publish is read only after this message has been dealt with.
      void issue({ nonce: hello.nonce }).catch(() => undefined);
    }
  }

  async function issue(changes: Partial<Deployment>): Promise<void> {
    const { rootVersion, director } = told;
    const [issued = "", expires = ""] = [0, 86_400_000].map((ms) => new Date(Date.now() + ms).toISOString());
    const standing: Deployment = {
      v: 1,
      fleet,
      device,
      seq: told.seq,
      rootVersion,
      issued,
      expires,
      slots: [...slots],
    };
    issuedSeq = Math.max(issuedSeq, told.seq);
    const deployment = { ...standing, ...changes };
    const envelope = JSON.stringify(await signDeployment(deployment, director));
    await link.publish(deviceTopics(fleet, device).desired, envelope, { qos: 1, retain: true });
  }

  const opened = resources.move();
  return {
    deploy: async (seq, wished, changes = {}) => {
      // A hello may have been answered in the meantime: no number means two deployments.
      told.seq = Math.max(seq, issuedSeq + 1);
      slots = wished;
      // An attacker who cuts connections cuts this one too.
      await until("the controller is connected", () => link.session !== undefined);
      await issue(changes);
    },
    publishRoot: ({ version, bytes }) =>
      link.publish(fleetTopics(fleet).root(version), bytes, { qos: 1, retain: true }),
    rotate: (director, rootVersion) => {
      told.director = director;
      told.rootVersion = rootVersion;
      told.seq = 1;
      issuedSeq = 0;
    },
    get silent() {
      return told.silent;
    },
    set silent(silent) {
      told.silent = silent;
    },
    report: () => report,
    outcomes,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
