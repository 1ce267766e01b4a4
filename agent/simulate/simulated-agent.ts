/**
 * The composition root of a simulated agent: the real parts from the link to the transition table, with the device's own
 * keys and databases, around an engine that loads no model. It has no HTTP port, answers no predictions and measures no
 * hardware.
 */
import { systemClock } from "../../common/clock.ts";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import { readKeyFile } from "../../common/key-file.ts";
import type { Log } from "../../common/log.ts";
import { deviceTopics } from "../../protocol/topics.ts";
import { keySigner } from "../../protocol/trust/keys.ts";
import { readAgentConfig, type AgentFolder } from "../config.ts";
import { openCredentials } from "../enrol/credentials.ts";
import type { Inventory } from "../hardware/inventory.ts";
import { openAgentLink, type AgentLink } from "../link/agent-link.ts";
import { createHeartbeat } from "../link/heartbeat.ts";
import { createHello } from "../link/hello.ts";
import { createVoice } from "../link/voice.ts";
import { openBundleDirectory } from "../store/bundle-directory.ts";
import { openStateDatabase } from "../store/state-database.ts";
import { createAckInbox } from "../telemetry/ack-inbox.ts";
import { readBootId } from "../telemetry/boot-id.ts";
import { createInferenceRecorder } from "../telemetry/inference-recorder.ts";
import { openOutbox } from "../telemetry/outbox.ts";
import { runUplink } from "../telemetry/uplink.ts";
import { openArchiveReceiver } from "../transfer/archive-receiver.ts";
import { createDocumentInbox } from "../update/document-inbox.ts";
import { openTrust } from "../update/open-trust.ts";
import { openUpdater } from "../update/run.ts";
import { answering } from "../update/state.ts";
import { tellChange } from "../update/tell-change.ts";
import { NOT_RESTARTED } from "../self-update/started-by.ts";
import { AGENT_VERSION } from "../version.ts";
import type { ArchiveShare } from "./archive-share.ts";
import { chanceOf, type Conduct } from "./conduct.ts";
import { createSimulatedEngine } from "./simulated-engine.ts";

export interface SimulatedAgentOptions {
  readonly folder: AgentFolder;
  readonly conduct: Conduct;
  readonly seed: number;
  /** Of this machine: read once for all agents of the process. */
  readonly inventory: Inventory;
  /** Undefined: each device fetches every archive itself. */
  readonly share: ArchiveShare | undefined;
  readonly onConnect: () => void;
  readonly onDisconnect: () => void;
  readonly log: Log;
}

/** Of records that wait for a connection; a real device keeps 64 times as many. */
const TELEMETRY_BYTES_MAX = 1024 ** 2;

/** Runs until aborted. Throws FerryError. */
export async function runSimulatedAgent(options: SimulatedAgentOptions, signal: AbortSignal): Promise<void> {
  const { folder, conduct, seed, inventory, log } = options;
  const clock = systemClock;
  const random = Math.random;
  const config = await readAgentConfig(folder);
  const { fleet, device } = config;
  const privateKey = await readKeyFile(folder.key);
  const key = keySigner(privateKey);
  const credentials = openCredentials({ folder, config, key: privateKey, clock, random, log });
  const bootId = readBootId();

  using state = openStateDatabase(folder.state, log);
  await using outbox = openOutbox(folder.telemetry, { clock, log, bootId, capBytes: TELEMETRY_BYTES_MAX });
  const trust = openTrust(state, folder, config);
  const bundles = await openBundleDirectory(folder.bundles, log);
  const recorder = createInferenceRecorder({ outbox, clock, log });
  const engine = createSimulatedEngine({
    conduct,
    luckOf: ({ statement }) => chanceOf(seed, `${device} ${statement}`),
    observer: recorder,
    clock,
    random,
  });

  // The link is opened last, when everything that hears it is there: whoever speaks before that is offline.
  const late: { link?: AgentLink } = {};
  const openLink = () => {
    if (late.link === undefined) throw new FerryError("offline", "The link to the broker is not open yet");
    return late.link;
  };
  const publish: AgentLink["publish"] = async (...message) => openLink().publish(...message);
  const acks = createAckInbox({ clock, log });
  const voice = createVoice({
    link: {
      publish,
      malformed: () => late.link?.malformed() ?? 0,
      get session() {
        return late.link?.session;
      },
    },
    config,
    key,
    trust,
    slots: () => updater.slots(),
    poisons: () => updater.poisons(),
    served: engine.slots,
    models: () => [],
    outbox,
    nextReportCounter: state.nextReportCounter,
    heartbeatMs: () => config.heartbeatMs,
    dataUse: () => undefined,
    inventory,
    providers: () => undefined,
    heldBundles: bundles.held,
    httpUrl: () => undefined,
    selfUpdate: NOT_RESTARTED.refusal,
    agentVersion: AGENT_VERSION,
    clock,
  });
  const heartbeat = createHeartbeat({
    say: voice.sayReport,
    heartbeatMs: () => config.heartbeatMs,
    clock,
    random,
    log,
  });
  const hello = createHello({ say: voice.sayHello, clock, random });
  await using opened = new AsyncDisposableStack();
  const receiver = opened.use(
    openArchiveReceiver({
      directory: folder.transfer,
      fleet,
      device,
      link: {
        publish,
        subscribe: async (topic, qos) => openLink().subscribe(topic, qos),
        unsubscribe: async (topic) => openLink().unsubscribe(topic),
      },
      clock,
      log,
    }),
  );
  const updater = opened.use(
    openUpdater({
      store: state,
      bundles,
      bundlesPath: folder.bundles,
      engine,
      archives: options.share?.through(receiver) ?? receiver,
      publisher: () => trust.root().roles.publisher,
      rollbackIndexOf: state.rollbackIndexOf,
      traits: { hardwareClasses: inventory.classes, agentVersion: AGENT_VERSION },
      nowMs: trust.nowMs,
      mayInstall: trust.mayInstall,
      onChange: (change) => {
        tellChange(outbox, change);
        heartbeat.sayNow();
        if (answering(change.before)?.statement !== answering(change.after)?.statement) sayInfo();
      },
      clock,
      log,
    }),
  );
  const documents = createDocumentInbox({
    trust,
    apply: (deployment) => void updater.apply(deployment),
    onAnswer: hello.onAnswer,
    askAgain: hello.askNow,
    onNews: heartbeat.sayNow,
    sink: outbox,
    log,
  });
  await using link = openAgentLink({
    url: config.broker,
    tls: credentials?.tls,
    fleet,
    device,
    keepAliveSeconds: config.keepAliveSeconds,
    bootId,
    agentVersion: AGENT_VERSION,
    onConnect: () => {
      options.onConnect();
      hello.askNow();
      receiver.onConnect();
      sayInfo(heartbeat.sayNow);
    },
    onDisconnect: () => {
      options.onDisconnect();
      hello.onDisconnect();
    },
    onDesired: documents.onDesired,
    onRoot: documents.onRoot,
    onTelemetryAck: acks.put,
    onOffer: receiver.onGroupCommand,
    onChunk: receiver.onChunk,
    onPredict: () => undefined,
    clock,
    log,
  });
  late.link = link;
  await using _serving = opened.move();

  const stopping = new AbortController();
  const stopped = AbortSignal.any([signal, stopping.signal]);
  const telemetry = {
    outbox,
    publish: (payload: Uint8Array) => publish(deviceTopics(fleet, device).telemetry, payload, { qos: 1 }),
    session: () => link.session,
    acks,
    clock,
    random,
    log,
  };
  const parts = [
    heartbeat.run(stopped),
    hello.run(stopped),
    recorder.run(stopped),
    engine.run(stopped),
    runUplink(telemetry, stopped),
    ...(credentials === undefined ? [] : [credentials.run(stopped)]),
  ];
  try {
    await Promise.all(parts);
  } finally {
    stopping.abort();
    await Promise.allSettled(parts);
  }

  function sayInfo(then: () => void = () => undefined): void {
    voice.sayInfo().then(then, (error: unknown) => {
      log.debug({ error: messageOf(error) }, "the inventory was not said; the next connect says it");
    });
  }
}
