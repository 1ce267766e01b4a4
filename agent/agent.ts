/** The composition root of the agent: opens what there is, connects the parts, and ends them in order. */
import { systemClock } from "../common/clock.ts";
import { FerryError, messageOf } from "../common/ferry-error.ts";
import { readKeyFile } from "../common/key-file.ts";
import type { Log } from "../common/log.ts";
import { AGENT_NAME } from "../protocol/bundle/agent-part.ts";
import { deviceTopics } from "../protocol/topics.ts";
import { keySigner } from "../protocol/trust/keys.ts";
import { readAgentConfig, type AgentConfig, type AgentFolder } from "./config.ts";
import { dataPlanOf, HOUR_MS } from "./data-plan.ts";
import { openCredentials } from "./enrol/credentials.ts";
import { discoverProviders } from "./hardware/discover-providers.ts";
import { openMemoryGroups } from "./hardware/memory-groups.ts";
import { readInventory } from "./hardware/inventory.ts";
import { httpTokens } from "./http-tokens.ts";
import { openInferenceEngine } from "./inference/open-inference-engine.ts";
import { RUNNER_COMMAND } from "./inference/runner/runner-process.ts";
import { openAgentLink, type AgentLink } from "./link/agent-link.ts";
import { createHeartbeat } from "./link/heartbeat.ts";
import { createHello } from "./link/hello.ts";
import { createVoice } from "./link/voice.ts";
import { openMediaPredictor } from "./processing/media-predictor.ts";
import { jsonAnswer } from "./serve/http-answer.ts";
import { glibcVersion } from "./hardware/glibc-version.ts";
import { engineWithOwn } from "./self-update/engine-with-own.ts";
import { openOwnVersion } from "./self-update/own-version.ts";
import { isAfterTakenBack, NOT_RESTARTED, startedBy } from "./self-update/started-by.ts";
import { SCHEMAS } from "./self-update/schemas.ts";
import { createDistributionRecorder } from "./monitor/distribution-recorder.ts";
import { openFeedback } from "./monitor/feedback.ts";
import { openHttpServer } from "./serve/http-server.ts";
import { openPredictTopic } from "./serve/predict-topic.ts";
import { suspendable } from "./serve/suspension.ts";
import { openBundleDirectory } from "./store/bundle-directory.ts";
import { openEngineDirectory } from "./store/engine-directory.ts";
import { openRunningFile } from "./store/running-file.ts";
import { openStateDatabase } from "./store/state-database.ts";
import { openVariantChoices } from "./store/variant-choices.ts";
import { createAckInbox } from "./telemetry/ack-inbox.ts";
import { readBootId } from "./telemetry/boot-id.ts";
import { recordEvent } from "./telemetry/event.ts";
import { openDataUse } from "./telemetry/data-use.ts";
import { condensingOf } from "./telemetry/detail.ts";
import { createInferenceRecorder } from "./telemetry/inference-recorder.ts";
import { openOutbox } from "./telemetry/outbox.ts";
import { runSampler } from "./telemetry/sampler.ts";
import { runUplink } from "./telemetry/uplink.ts";
import { openArchiveReceiver } from "./transfer/archive-receiver.ts";
import { createDocumentInbox } from "./update/document-inbox.ts";
import { openTrust } from "./update/open-trust.ts";
import type { TrustKeeper } from "./update/trust-keeper.ts";
import { openUpdater } from "./update/run.ts";
import { answering, parametersOf } from "./update/state.ts";
import { tellChange } from "./update/tell-change.ts";
import { HELLO_MS } from "./update/trusted-time.ts";
import { AGENT_VERSION } from "./version.ts";

export interface AgentOptions {
  readonly folder: AgentFolder;
  /** Instead of what the configuration says of it. */
  readonly data?: AgentConfig["data"];
  /** For measuring what a month takes of the link within minutes. */
  readonly pace?: AgentPace | undefined;
  /** Ends this process so that the launcher starts another version; absent where nobody would start one. */
  readonly restart?: () => void;
  readonly log: Log;
}

/** How fast time passes for what a spared link carries: heartbeat, keep-alive, telemetry, the question for the time. */
export interface AgentPace {
  readonly hourMs: number;
  /** Of health samples; see `SamplerPorts`. */
  readonly sampleSchedule: string;
}

/** What was served before answers again first; which providers there are is of interest to the next rollout's plan. */
const MODELS_FIRST_MS = 10_000;

/** Runs until aborted, or until a part fails that the agent cannot go on without. Throws FerryError. */
export async function runAgent({ folder, data, pace, restart, log }: AgentOptions, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const random = Math.random;
  const stored = await readAgentConfig(folder);
  const config = data === undefined ? stored : { ...stored, data };
  const hourMs = pace?.hourMs ?? HOUR_MS;
  const dataPlan = dataPlanOf(config, hourMs);
  const { fleet, device } = config;
  const privateKey = await readKeyFile(folder.key);
  const key = keySigner(privateKey);
  const credentials = openCredentials({ folder, config, key: privateKey, clock, random, log });
  const bootId = readBootId();
  /** Only after the root of trust is there. */
  const known: { trust?: TrustKeeper } = {};
  const trustedNowMs = () => (known.trust?.isFresh() === true ? known.trust.nowMs() : undefined);

  const place = restart === undefined ? NOT_RESTARTED : startedBy();
  using state = openStateDatabase(folder.state, log, { isTakenBack: await isAfterTakenBack(place) });
  await using outbox = openOutbox(folder.telemetry, { clock, log, bootId, trustedNowMs });
  recordEvent(outbox, "agent-started", { agentVersion: AGENT_VERSION, bootId });
  if (state.damage !== undefined) recordEvent(outbox, "database-damaged", { file: state.damage.movedTo });
  const trust = openTrust(state, folder, config);
  known.trust = trust;
  // Before anything else is started: a group that is to hold others holds no process itself.
  const memoryGroups = openMemoryGroups(log);
  const inventory = await readInventory(folder.directory);
  // Another build of onnxruntime is an operator's choice: where it does not work, no model can, and that is said at once.
  const isOwnBuild = inventory.onnxruntime.entry !== undefined;
  let providers = isOwnBuild ? await discoverProviders({ command: RUNNER_COMMAND, log }, signal) : undefined;
  const bundles = await openBundleDirectory(folder.bundles, log);
  const recorder = createInferenceRecorder({ outbox, clock, log });
  const variantMemory = await openVariantChoices(folder.variants, inventory.fingerprint, log);
  const engines = await openEngineDirectory(folder.engines, inventory.fingerprint, log);
  await using engine = openInferenceEngine({
    memoryGroups,
    confirm: bundles.confirm,
    hardwareClasses: inventory.classes,
    variantMemory,
    engines,
    clock,
    log,
  });
  const own = await openOwnVersion({
    place,
    hardwareClasses: inventory.classes,
    glibc: glibcVersion(),
    schemas: SCHEMAS,
    models: engine.slots,
    wishes: () => updater.wishes(),
    keepBefore: state.keepBefore,
    dropBefore: state.dropBefore,
    restart: restart ?? (() => undefined),
    clock,
    log,
  });
  const allSlots = engineWithOwn(engine, own);
  using _observing = engine.observe(recorder);
  const distributions = createDistributionRecorder({ outbox, clock, log, windowMs: config.driftWindowMs });
  using _watching = engine.observe(distributions);
  using feedback = openFeedback({ engine, onJudged: recorder.judged, clock });

  // The link is opened last, when everything that hears it is there: whoever speaks before that is offline.
  const late: { link?: AgentLink } = {};
  const openLink = () => {
    if (late.link === undefined) throw new FerryError("offline", "The link to the broker is not open yet");
    return late.link;
  };
  const publish: AgentLink["publish"] = async (...message) => openLink().publish(...message);
  const acks = createAckInbox({ clock, log });
  await using dataUse = await openDataUse({
    path: folder.dataUse,
    plan: dataPlan,
    traffic: () => late.link?.traffic() ?? { sentBytes: 0, receivedBytes: 0 },
    trustedNowMs,
    clock,
    log,
  });
  const detail = () => dataUse.status().detail;
  const heartbeatMs = () => dataPlan.heartbeatMs(detail());
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
    served: allSlots.slots,
    models: engine.models,
    outbox,
    nextReportCounter: state.nextReportCounter,
    heartbeatMs,
    dataUse: dataUse.status,
    inventory,
    providers: () => providers,
    heldBundles: bundles.held,
    httpUrl: () => http.url,
    selfUpdate: own.obstacle,
    agentVersion: AGENT_VERSION,
    clock,
  });
  const heartbeat = createHeartbeat({ say: voice.sayReport, heartbeatMs, clock, random, log });
  const hello = createHello({
    say: voice.sayHello,
    clock,
    random,
    ...(pace === undefined ? {} : { everyMs: HELLO_MS * (pace.hourMs / HOUR_MS) }),
  });
  await using opened = new AsyncDisposableStack();
  const receiver = opened.use(
    openArchiveReceiver({
      directory: folder.transfer,
      fleet,
      device,
      onFetched: (fetched) => {
        recordEvent(outbox, "bundle-fetched", { ...fetched });
      },
      link: {
        publish,
        subscribe: async (topic, qos) => openLink().subscribe(topic, qos),
        unsubscribe: async (topic) => openLink().unsubscribe(topic),
      },
      clock,
      log,
    }),
  );
  const suspension = suspendable(engine, (slot, isSuspended) => {
    recordEvent(outbox, isSuspended ? "slot-suspended" : "slot-resumed", { slot });
    log.warn(
      { slot },
      isSuspended ? "an administrator suspended this model here" : "an administrator resumed this model",
    );
  });
  await using predictor = openMediaPredictor({
    engine: suspension.engine,
    parametersOf: (slot, statement) => {
      const state = updater.slots().find((one) => one.slot === slot)?.state;
      return state && parametersOf(state, statement);
    },
    log,
  });
  using _processing = predictor.observe(recorder.processed);
  const http = opened.use(
    await openHttpServer({
      engine,
      predictor,
      suspension,
      tokens: httpTokens(folder, config.http),
      feedback,
      ...config.http,
      extraRoutes: new Map([["GET /status", () => jsonAnswer(voice.status())]]),
      log,
    }),
  );
  opened.use(await openRunningFile(folder.running, { pid: process.pid, httpUrl: http.url }));
  const predict = opened.use(
    openPredictTopic({ engine: suspension.engine, predictor, feedback, fleet, device, publish, clock, log }),
  );
  const updater = opened.use(
    openUpdater({
      store: state,
      bundles: {
        ...bundles,
        keepOnly: async (statements) => {
          if (own.isOnTrial()) return;
          await bundles.keepOnly(statements);
          await engines.keepOnly(statements);
        },
      },
      bundlesPath: folder.bundles,
      engine: allSlots,
      running: own.running,
      ownObstacle: own.obstacle,
      archives: receiver,
      publisher: () => trust.root().roles.publisher,
      rollbackIndexOf: state.rollbackIndexOf,
      traits: { hardwareClasses: inventory.classes, agentVersion: AGENT_VERSION },
      nowMs: trust.nowMs,
      mayInstall: trust.mayInstall,
      onChange: (change) => {
        tellChange(outbox, change);
        if (change.slot === AGENT_NAME) own.onState(change.after);
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
    keepAliveSeconds: dataPlan.keepAliveSeconds,
    bootId,
    agentVersion: AGENT_VERSION,
    onConnect: () => {
      hello.askNow();
      receiver.onConnect();
      // The report after the inventory: a controller that meets the device learns its key first.
      sayInfo(heartbeat.sayNow);
    },
    onDisconnect: hello.onDisconnect,
    onDesired: documents.onDesired,
    onRoot: documents.onRoot,
    onTelemetryAck: acks.put,
    onOffer: receiver.onGroupCommand,
    onChunk: receiver.onChunk,
    onPredict: predict.handle,
    clock,
    log,
  });
  late.link = link;
  // Closed before the link: what is in flight is answered while there still is a connection; then goodbye is said.
  await using _serving = opened.move();
  log.info({ http: http.url, device, fleet, folder: folder.directory }, "the agent runs");

  const stopping = new AbortController();
  const stopped = AbortSignal.any([signal, stopping.signal]);
  const telemetry = {
    outbox,
    publish: (payload: Uint8Array) => publish(deviceTopics(fleet, device).telemetry, payload, { qos: 1 }),
    session: () => link.session,
    condensing: () => condensingOf(detail(), hourMs),
    acks,
    clock,
    random,
    log,
  };
  const sampling = pace === undefined ? {} : { schedule: pace.sampleSchedule };
  const parts = [
    heartbeat.run(stopped),
    hello.run(stopped),
    recorder.run(stopped),
    distributions.run(stopped),
    dataUse.run(stopped),
    runSampler({ outbox, clock, log, directory: folder.directory, figures, ...sampling }, stopped),
    runUplink(telemetry, stopped),
    ...(credentials === undefined ? [] : [credentials.run(stopped)]),
    ...(providers === undefined ? [lookForProviders()] : []),
  ];
  try {
    await Promise.all(parts);
  } finally {
    // Where one part failed, the others end too, and with them the agent.
    stopping.abort();
    await Promise.allSettled(parts);
    recordEvent(outbox, "agent-stopped");
  }

  /** For health records; counts are since the start of the agent. */
  function figures() {
    const { sentBytes, receivedBytes, connections, roundTripMs } = link.traffic();
    const month = dataUse.status();
    return {
      runnersRssBytes: engine.gauges().reduce((sum, { residentBytes }) => sum + residentBytes, 0),
      linkSentBytes: sentBytes,
      linkReceivedBytes: receivedBytes,
      linkConnections: connections,
      linkRoundTripMs: roundTripMs,
      dataUsedBytes: month.sentBytes + month.receivedBytes,
      dataBudgetBytes: month.budgetBytes,
      outboxPending: outbox.pending,
    };
  }

  async function lookForProviders(): Promise<void> {
    await clock.sleep(MODELS_FIRST_MS, stopped);
    if (stopped.aborted) return;
    providers = await discoverProviders({ command: RUNNER_COMMAND, log }, stopped).catch((error: unknown) => {
      log.error({ error: messageOf(error) }, "cannot tell which execution providers work here");
      return undefined;
    });
    if (providers !== undefined) sayInfo();
  }

  function sayInfo(then: () => void = () => undefined): void {
    voice.sayInfo().then(then, (error: unknown) => {
      log.debug({ error: messageOf(error) }, "the inventory was not said; the next connect says it");
    });
  }
}
