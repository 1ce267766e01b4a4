import t from "tap";
import type { CallerId, DeviceId, FleetId, GroupId, ModelName, TransferId } from "../../protocol/ids.ts";
import { answerTopic, deviceTopics, fleetTopics, groupTopics, parseTopic } from "../../protocol/topics.ts";

const fleet = "harbour" as FleetId;
const device = "cam-0017" as DeviceId;
const all = "all" as GroupId;
const transfer = "00112233aabbccdd" as TransferId;
const topics = deviceTopics(fleet, device);

const cases: readonly { readonly topic: string; readonly parsed: object }[] = [
  { topic: topics.state, parsed: { kind: "state", fleet, device } },
  { topic: topics.info, parsed: { kind: "info", fleet, device } },
  { topic: topics.hello, parsed: { kind: "hello", fleet, device } },
  { topic: topics.report, parsed: { kind: "report", fleet, device } },
  { topic: topics.telemetry, parsed: { kind: "telemetry", fleet, device } },
  { topic: topics.want, parsed: { kind: "want", fleet, device } },
  { topic: topics.desired, parsed: { kind: "desired", fleet, device } },
  { topic: topics.command, parsed: { kind: "command", fleet, device } },
  { topic: topics.telemetryAck, parsed: { kind: "telemetryAck", fleet, device } },
  { topic: topics.chunk, parsed: { kind: "chunk", fleet, device } },
  { topic: topics.predict("digits" as ModelName), parsed: { kind: "predict", fleet, device, model: "digits" } },
  { topic: groupTopics(fleet, all).command, parsed: { kind: "groupCommand", fleet, group: all } },
  { topic: groupTopics(fleet, all).chunk(transfer), parsed: { kind: "groupChunk", fleet, group: all, transfer } },
  { topic: fleetTopics(fleet).root(12), parsed: { kind: "root", fleet, version: 12 } },
  { topic: fleetTopics(fleet).controllerState, parsed: { kind: "controllerState", fleet } },
  { topic: answerTopic(fleet, "app" as CallerId, device), parsed: { kind: "answer", fleet, caller: "app", device } },
];

for (const { topic, parsed } of cases) {
  t.test(`${topic} is taken apart into what it was built from`, async (t) => t.same(parseTopic(topic), parsed));
}

t.test("the longest ids still fit the smallest broker: 7 levels, 256 bytes", async (t) => {
  const longest = "x".repeat(63);
  const widest = deviceTopics(longest as FleetId, longest as DeviceId).predict(longest as ModelName);
  t.ok(widest.length <= 256, String(widest.length));
  t.ok(widest.split("/").length <= 7);
});

const strangers = [
  "",
  "mf1",
  "mf2/harbour/d/cam/up/state",
  "mf1/harbour/d/cam/up/other",
  "mf1/harbour/d/Cam/up/state",
  "mf1/harbour/d/cam/up/state/more",
  "mf1/harbour/d/../up/state",
  "mf1/harbour/d/+/up/state",
  "mf1/harbour/g/all/x/XYZ",
  "mf1/harbour/trust/root/0",
  "mf1/harbour/trust/root/99999999999",
  `mf1/${"x".repeat(64)}/d/cam/up/state`,
];

for (const topic of strangers) {
  t.test(`${JSON.stringify(topic.slice(0, 60))} is nobody's topic`, async (t) =>
    t.throws(() => parseTopic(topic), { code: "TOPIC" }),
  );
}
