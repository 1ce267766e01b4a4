/** The composition root of the controller: the one file that knows how its parts fit together. */
import { systemClock as clock } from "../common/clock.ts";
import { messageOf } from "../common/ferry-error.ts";
import type { Log } from "../common/log.ts";
import { openMqttLink, type MqttLink } from "../common/mqtt-link.ts";
import { fleetTopics } from "../protocol/topics.ts";
import { openAlertBook } from "./alerts/alert-book.ts";
import { secretOf } from "./alerts/receiver-config.ts";
import { runAlerts } from "./alerts/run-alerts.ts";
import { openSlowSamples } from "./alerts/slow-samples.ts";
import { openShelf } from "./bundles/bundle-shelf.ts";
import { createVouchedBundles, unvouchedText } from "./bundles/vouched-bundles.ts";
import type { ControllerConfig, ControllerPaths } from "./config.ts";
import { CONTROLLER, controllerState, createInbox } from "./controller-link.ts";
import { openLoopbackNetwork, openNetwork } from "./enrol/open-network.ts";
import { createDeviceMessages } from "./fleet/device-messages.ts";
import { openDirector } from "./fleet/director.ts";
import { recordEvent } from "./fleet/events.ts";
import { runHousekeeping } from "./fleet/housekeeping.ts";
import { createPresenceKeeper } from "./fleet/presence-keeper.ts";
import type { Status } from "./http/fleet-routes.ts";
import { openBaselines } from "./drift/baselines.ts";
import { accuracyHandlers } from "./http/handlers/accuracy-handlers.ts";
import { alertHandlers } from "./http/handlers/alert-handlers.ts";
import { bundleHandlers } from "./http/handlers/bundle-handlers.ts";
import { deviceHandlers } from "./http/handlers/device-handlers.ts";
import { enrolHandlers } from "./http/handlers/enrol-handlers.ts";
import { fleetHandlers } from "./http/handlers/fleet-handlers.ts";
import { experimentHandlers } from "./http/handlers/experiment-handlers.ts";
import { groupHandlers } from "./http/handlers/group-handlers.ts";
import { prometheusHandlers } from "./http/handlers/prometheus-handlers.ts";
import { predictHandlers } from "./http/handlers/predict-handlers.ts";
import { reportHandlers } from "./http/handlers/report-handlers.ts";
import { rolloutFileHandlers } from "./http/handlers/rollout-file-handlers.ts";
import { rolloutHandlers } from "./http/handlers/rollout-handlers.ts";
import { rolloutVerbHandlers } from "./http/handlers/rollout-verb-handlers.ts";
import { driftHandlers } from "./http/handlers/drift-handlers.ts";
import { scheduleHandlers } from "./http/handlers/schedule-handlers.ts";
import { telemetryHandlers } from "./http/handlers/telemetry-handlers.ts";
import { operatorHandlers } from "./http/handlers/operator-handlers.ts";
import { createGuard } from "./http/guard.ts";
import { openHttpServer } from "./http/http-server.ts";
import { readTls } from "./http/read-tls.ts";
import { createMetrics } from "./metrics/create-metrics.ts";
import { programReaders } from "./metrics/program-readers.ts";
import { storeReaders } from "./metrics/store-readers.ts";
import { createAuditor } from "./audit/auditor.ts";
import { ensureLocalOperator } from "./operators/local-operator.ts";
import { openOperators } from "./operators/operators.ts";
import { createPredictCaller } from "./predict/predict-caller.ts";
import { recoverCatalogue } from "./recover-catalogue.ts";
import { openExperiments } from "./experiments/open-experiments.ts";
import { openRolloutEngine } from "./rollout/engine.ts";
import { withDriftGates } from "./rollout/read-drift-gates.ts";
import { openGateReader } from "./rollout/read-gate-metrics.ts";
import { readReport } from "./reports/read-report.ts";
import { openSchedules } from "./schedules/open-schedules.ts";
import { openStore } from "./store/store.ts";
import { openTelemetryIngest } from "./telemetry/ingest.ts";
import { retentionOf } from "./telemetry/retention.ts";
import { createRollUp } from "./telemetry/roll-up.ts";
import { openTransferService } from "./transfer/transfer-service.ts";
import { openLiveRoots, runRootWatch } from "./roots/live-roots.ts";
import { rootExpiry } from "./roots/root-expiry.ts";
import { VERSION } from "./version.ts";

export interface ControllerOptions {
  readonly paths: ControllerPaths;
  /** Of `controller.json`, with what the command line says instead. */
  readonly config: ControllerConfig;
  /** `mqtts://host:port` of a broker that runs by itself; undefined: one in this process. */
  readonly brokerUrl: string | undefined;
  /** Plain MQTT without certificates, which is for this machine alone. */
  readonly insecureLoopback: boolean;
  readonly log: Log;
}

export interface RunningController {
  readonly httpUrl: string;
  readonly brokerUrl: string;
  /** Where devices enrol; undefined without TLS. */
  readonly enrolUrl: string | undefined;
  readonly rootPin: string;
  /** Where the former database was moved, when it was damaged. */
  readonly damagedDatabase: string | undefined;
}

/** The broker closes a link that says nothing for one and a half times this. */
const KEEP_ALIVE_SECONDS = 60;

/**
 * Runs until the signal aborts; `onReady` is told where it listens. Throws FerryError for what a person must change: a
 * taken port, a key of another fleet, a folder that cannot be written.
 */
export async function runController(
  { paths, config, brokerUrl, insecureLoopback, log }: ControllerOptions,
  onReady: (controller: RunningController) => void,
  signal: AbortSignal,
): Promise<void> {
  const { fleet } = config;
  const retention = retentionOf(config.telemetry);
  const startedMs = clock.nowMs();
  const live = await openLiveRoots({ paths, director: config.director });
  const { trust } = live;
  const { first } = trust();
  const publisher = () => trust().newest.roles.publisher;

  await using opened = await openStore(paths.database);
  const { store, damagedFile } = opened;
  const shelf = await openShelf(paths.bundles);
  if (damagedFile !== undefined) {
    const text = `The database was damaged and is moved to ${damagedFile}: a new one is begun. Devices, and bundles on the shelf, come back by themselves; rollouts, labels and telemetry before now do not`;
    log.error({ damagedFile }, text);
    await recordEvent(store, { kind: "database-damaged", text }, clock.nowMs());
  }
  const operators = await openOperators(store, clock.nowMs);
  await ensureLocalOperator(operators, paths.operatorToken, clock.nowMs);
  const book = await openAlertBook(store);
  const { receivers = [], externalUrl = `http://127.0.0.1:${config.http.port}` } = config.alerts ?? {};
  // A secret that cannot be read is found out at the start, and not when the first alert is to be told.
  receivers.forEach(secretOf);
  const reportReceivers = config.reports?.receivers ?? [];
  reportReceivers.forEach(secretOf);
  const auditor = createAuditor({ store, clock, log });
  const tls = await readTls(config.http);
  await recoverCatalogue({ store, shelf, directory: paths.bundles, publisher: publisher(), clock, log });
  const vouched = createVouchedBundles(store, shelf);

  const networkOptions = { paths, config, brokerUrl, store, firstRoot: first.bytes, clock, log };
  await using network = await (insecureLoopback ? openLoopbackNetwork : openNetwork)(networkOptions);
  const url = network.brokerUrl;
  // The parts speak through the link, and the link speaks to the parts: it is opened when all of them are there.
  const publish: MqttLink["publish"] = (...message) => link.publish(...message);

  const presence = createPresenceKeeper(store, clock);
  await using deployments = openDirector({ store, fleet, trust, publish, clock, log });
  await using transfers = openTransferService({ fleet, publish, openArchive: shelf.openArchive, clock, log });
  await using ingest = openTelemetryIngest({ store, publish, fleet, clock, log });
  const rollUp = createRollUp({ store, retention, clock, log });
  const baselineOf = openBaselines(store, shelf);
  await using engine = openRolloutEngine({
    store,
    publish: deployments.publish,
    readGates: withDriftGates(openGateReader(store), { store, baselineOf }),
    clock,
    log,
  });
  const experiments = openExperiments({ store, settle: engine.settle, clock, log });
  const predictions = createPredictCaller({ fleet, caller: CONTROLLER, publish, clock, log });
  const onDeviceMessage = createDeviceMessages({
    store,
    fleet,
    presence,
    director: deployments,
    onTelemetry: ingest.onBatch,
    onWant: transfers.onWant,
    touch: engine.touch,
    clock,
    log,
  });

  const topics = fleetTopics(fleet);
  await using link = openMqttLink({
    url,
    tls: network.tls,
    clientId: CONTROLLER,
    keepAliveSeconds: KEEP_ALIVE_SECONDS,
    will: (session) => ({ topic: topics.controllerState, payload: controllerState("offline", session, clock.nowMs()) }),
    subscriptions: new Map([
      [topics.upAny, 1],
      [topics.answersTo(CONTROLLER), 1],
    ]),
    onConnect: (session) => {
      const state = controllerState("online", session, clock.nowMs());
      publish(topics.controllerState, state, { qos: 1, retain: true })
        .then(deployments.publishAll)
        .catch((error: unknown) => {
          log.warn(
            { error: messageOf(error) },
            "roots and deployments could not be published; again after the next connect",
          );
        });
    },
    onMessage: createInbox({ onDeviceMessage, onAnswer: predictions.onAnswer, log }),
    clock,
    log,
  });

  const rootExpiresMs = () => trust().newest.expiresMs;
  const reportPorts = { store, fleet, rootExpiresMs, baselineOf, experiments, clock };
  const readSlow = openSlowSamples({ store, baselineOf, log });
  const schedules = openSchedules({
    store,
    read: (question) => readReport(reportPorts, question),
    folder: config.reports?.folder ?? paths.reports,
    receivers: reportReceivers,
    random: Math.random,
    clock,
    log,
  });
  const status = (): Omit<Status, "devices"> => {
    const expiry = rootExpiry(trust().newest.expiresMs, clock.nowMs());
    const problems = [
      link.session === undefined ? `there is no connection to the broker ${url}` : undefined,
      expiry.kind === "passed" ? expiry.text : undefined,
      live.problem(),
      deployments.problem(),
    ].filter((problem) => problem !== undefined);
    return {
      status: problems.length === 0 ? "ok" : "degraded",
      problems,
      warnings: expiry.kind === "near" ? [expiry.text] : [],
      fleet,
      version: VERSION,
      startedMs,
      broker: { url, connected: link.session !== undefined, embedded: brokerUrl === undefined },
      rootPin: first.digest,
      rootVersion: trust().newest.version,
    };
  };
  await using http = await openHttpServer({
    host: config.http.host ?? "127.0.0.1",
    port: config.http.port,
    tls,
    guard: createGuard({ operators, auditor, clock }),
    auditor,
    handlers: {
      ...deviceHandlers(store, clock),
      ...groupHandlers(store, clock),
      ...enrolHandlers(network.enrolment, first.digest),
      ...predictHandlers({ store, ask: predictions.ask, tell: predictions.tell, clock }),
      ...bundleHandlers({ store, shelf, publisher, isVouched: vouched.isVouched, clock }),
      ...rolloutHandlers({ store, settle: engine.settle, isVouched: vouched.isVouched, clock }),
      ...rolloutVerbHandlers({ store, settle: engine.settle, clock }),
      ...rolloutFileHandlers(store, clock),
      ...experimentHandlers({
        store,
        settle: engine.settle,
        isVouched: vouched.isVouched,
        results: experiments.results,
        clock,
      }),
      ...telemetryHandlers(store),
      ...driftHandlers({ store, baselineOf, clock }),
      ...prometheusHandlers(store),
      ...accuracyHandlers(store, clock),
      ...fleetHandlers({ store, status, transfers: transfers.active }),
      ...alertHandlers({ book, fleet, receivers, externalUrl, clock }),
      ...reportHandlers(reportPorts),
      ...scheduleHandlers({ store, schedules, clock, signal }),
      ...operatorHandlers(store, operators),
    },
    metrics: createMetrics({
      ...storeReaders(store),
      ...programReaders({
        version: VERSION,
        ingest: ingest.counters,
        rollUp: rollUp.counters,
        transfers,
        isBrokerConnected: () => link.session !== undefined,
        rootExpiresMs,
      }),
    }),
    log,
  });

  onReady({
    httpUrl: http.url,
    brokerUrl: url,
    enrolUrl: network.enrolment?.url,
    rootPin: first.digest,
    damagedDatabase: damagedFile,
  });
  const tell = (kind: "root-taken-over" | "root-unusable" | "bundles-unvouched", text: string) => {
    log.warn({}, text);
    return recordEvent(store, { kind, text }, clock.nowMs());
  };
  await Promise.all([
    vouched.look(publisher()).catch((error: unknown) => {
      log.error({ error: messageOf(error) }, "it could not be seen who signed the bundles of the catalogue");
    }),
    network.run(signal),
    experiments.run(signal),
    rollUp.run(signal),
    schedules.run(signal),
    runAlerts({ book, store, fleet, rootExpiresMs, readSlow, receivers, externalUrl, clock, log }, signal),
    runHousekeeping({ store, presence, director: deployments, rootExpiresMs, touch: engine.touch, clock, log }, signal),
    runRootWatch(
      {
        live,
        onTakenOver: async ({ newest: { version } }) => {
          await tell(
            "root-taken-over",
            `Root version ${version} is in use: every device gets it, and its deployment anew`,
          );
          await deployments.publishAll();
          await vouched.look(publisher());
          const again = unvouchedText(vouched.unvouched());
          if (again !== undefined) await tell("bundles-unvouched", again);
        },
        onProblem: (problem) => tell("root-unusable", `${problem[0]?.toUpperCase() ?? ""}${problem.slice(1)}`),
        clock,
        log,
      },
      signal,
    ),
  ]);
}
