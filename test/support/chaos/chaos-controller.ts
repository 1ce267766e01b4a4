/** The controller's telemetry as a process that can be killed: a real database, ingest and MQTT link. Arguments: database, broker, fleet. */
import { systemClock as clock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openMqttLink } from "../../../common/mqtt-link.ts";
import { openStore } from "../../../controller/store/store.ts";
import { openTelemetryIngest } from "../../../controller/telemetry/ingest.ts";
import type { FleetId } from "../../../protocol/ids.ts";
import { fleetTopics, parseTopic } from "../../../protocol/topics.ts";

const [database = "", broker = "", fleetId = ""] = process.argv.slice(2);
// The driver of the test wrote it.
const fleet = fleetId as FleetId;
const log = openLog("chaos", "fatal");
const { store } = await openStore(database);
const ingest = openTelemetryIngest({ store, fleet, clock, log, publish: (...message) => link.publish(...message) });
const link = openMqttLink({
  url: broker,
  clientId: "controller",
  keepAliveSeconds: 5,
  subscriptions: new Map([[fleetTopics(fleet).upAny, 1]]),
  onConnect: () => process.stdout.write("connected\n"),
  onMessage: (topic, payload) => {
    const parsed = parseTopic(topic);
    if (parsed.kind === "telemetry") ingest.onBatch(parsed.device, payload);
  },
  clock,
  log,
});
