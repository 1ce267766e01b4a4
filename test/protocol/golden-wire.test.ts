/**
 * The bytes of every message as devices in the field send and expect them. Files are added here, never edited: a program
 * that no longer reads one of them cannot talk to a device that has not been updated yet.
 */
import t from "tap";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type {
  CallerId,
  DeviceId,
  FleetId,
  GroupId,
  ModelName,
  ModelVersion,
  SessionId,
  Sha256,
  StatementDigest,
  StreamId,
  TransferId,
} from "../../protocol/ids.ts";
import { encodeCbor } from "../../protocol/cbor.ts";
import { parseControllerState } from "../../protocol/messages/controller-state.ts";
import { parseDeviceInfo } from "../../protocol/messages/device-info.ts";
import { parseDeviceState } from "../../protocol/messages/device-state.ts";
import { parseHello } from "../../protocol/messages/hello.ts";
import { splitPredictMessage } from "../../protocol/messages/predict-fragment.ts";
import {
  decodePredictRequest,
  encodeFeedbackMessage,
  encodePredictRequest,
  type FeedbackMessage,
} from "../../protocol/messages/predict-request.ts";
import { decodePredictResponse, encodePredictResponse } from "../../protocol/messages/predict-response.ts";
import { parseTelemetryAck } from "../../protocol/messages/telemetry-ack.ts";
import { decodeTelemetryBatch, encodeTelemetryBatch } from "../../protocol/messages/telemetry-batch.ts";
import { decodeTransferOffer, encodeTransferOffer } from "../../protocol/messages/transfer-offer.ts";
import { decodeTransferWant, encodeTransferWant } from "../../protocol/messages/transfer-want.ts";
import { answerTopic } from "../../protocol/topics.ts";
import { decodeChunkFrame, encodeChunkFrame } from "../../protocol/transfer/chunk-frame.ts";
import { DEPLOYMENT_TYPE, deploymentIn } from "../../protocol/trust/deployment.ts";
import { countSigningKeys, parseEnvelope } from "../../protocol/trust/dsse.ts";
import { publicKeyFromPem } from "../../protocol/trust/keys.ts";
import { REPORT_TYPE, reportIn } from "../../protocol/trust/report.ts";
import { acceptFirstRoot } from "../../protocol/trust/root.ts";

const folder = new URL("../fixtures/wire/", import.meta.url).pathname;
const [fleet, device, model] = ["harbour" as FleetId, "cam-1" as DeviceId, "digits" as ModelName];
const version = "1.0.0" as ModelVersion;
const digest = (digit: string) => digit.repeat(64) as Sha256 & StatementDigest;
const session = "00112233aabbccdd" as SessionId;
const transfer = "8899aabbccddeeff" as TransferId;
const archive = { sha256: digest("b"), length: 130_000, chunkList: digest("c") };
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const tensor = {
  name: "pixels",
  datatype: "FP32",
  shape: [1, 2],
  bytes: Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64),
} as const;

interface Message {
  readonly file: string;
  readonly value: unknown;
  readonly encode: () => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

const state = { state: "online", session, bootId: "boot", atMs: 1_795_225_505_233, agentVersion: "0.1.0" };
const info = {
  publicKey: "-----BEGIN PUBLIC KEY-----",
  labels: { site: "oslo" },
  hardware: {
    classes: ["linux-arm64"],
    model: "Pi 5",
    arch: "arm64",
    kernel: "6.6",
    cpuModel: "A76",
    cpuCount: 4,
    memoryBytes: 8e9,
    diskFreeBytes: 3e10,
  },
  agentVersion: "0.1.0",
  nodeVersion: "24.21.0",
  runtime: { onnxruntime: "1.27.0", providers: ["cpu"] },
  heldStatements: [digest("a")],
};
const hello = { session, nonce: "n".repeat(22), rootVersion: 1, seq: 7 };
const controller = { state: "online", session, atMs: 1_795_225_505_233 };
const ack = { stream: "0".repeat(32), next: 42 };
const range = {
  stream: "0123456789abcdef0123456789abcdef" as StreamId,
  acked: 40,
  from: 41,
  next: 44,
  backfill: false,
  records: [
    {
      seq: 41,
      atMs: 1_795_225_505_233,
      kind: "health" as const,
      fields: { cpuPercent: 12.5, memoryAvailableBytes: 4_294_967_296 },
    },
    { seq: 42, atMs: 1_795_225_505_433, kind: "event" as const, fields: { event: "swapped", slot: "digits" } },
    { seq: 43, atMs: 1_795_225_505_033, kind: "health" as const, fields: { cpuPercent: 25, throttled: true } },
  ],
};
const offer = {
  transfer,
  group: "all" as GroupId,
  archive,
  lane: "broadcast" as const,
  sentinels: [device],
  through: 2,
};
const want = {
  archive: digest("b"),
  request: transfer,
  cumulative: 1,
  lacking: 2,
  missing: [1, 2],
  held: Uint8Array.of(0b1000_0000),
  lane: "pull" as const,
  joins: true,
};
const request = {
  id: "r-1",
  replyTo: answerTopic(fleet, "app" as CallerId, device),
  timeoutMs: 2_000,
  model,
  inputs: [tensor],
};
const response = { kind: "outputs" as const, id: "r-1", model, version, outputs: [tensor] };
const seen = { ...request, inputs: [], media: Uint8Array.of(0xff, 0xd8, 0xff) };
const told = {
  ...response,
  outputs: [],
  results: {
    top: [{ label: "seven", index: 7, score: 0.75 }],
    boxes: [{ score: 0.5, box: [1, 2, 30.25, 40] as [number, number, number, number] }],
  },
  times: { preMs: 12.5, queueMs: 0.5, inferMs: 3, postMs: 0.25 },
};
const refusal = { kind: "error" as const, id: "r-1", error: "The queue is full", status: 429 };

const keyed = { ...request, key: "camera 7" };
const slot = { slot: model, model, version, statement: digest("a"), archive, soakMs: 300_000 };
const split = {
  v: 1,
  fleet,
  device,
  seq: 8,
  rootVersion: 1,
  issued: "2026-11-28T03:00:00.000Z",
  expires: "2026-12-05T03:00:00.000Z",
  slots: [{ ...slot, traffic: { kind: "split", share: 0.1 } }],
};
const tuned = { ...split, slots: [{ ...slot, params: { threshold: 0.6, most: 10 } }] };
const evidence = {
  provider: "cpu",
  loadMs: 12.5,
  warmUpMs: 3.5,
  goldenCases: 2,
  goldenPassed: 2,
  latencyP50Ms: 1.25,
  latencyP95Ms: 1.5,
  memoryBytes: 60_000_000,
  qualifiedAtMs: 1_795_225_505_233,
};
const soaking = {
  v: 1,
  fleet,
  device,
  counter: 4,
  session,
  atMs: 1_795_225_505_233,
  uptimeMs: 60_000,
  heartbeatMs: 30_000,
  rootVersion: 1,
  seq: 8,
  fresh: true,
  slots: [
    {
      slot: model,
      phase: "soaking",
      desired: digest("a"),
      soak: {
        untilMs: 1_795_225_805_233,
        requests: 90,
        failed: 0,
        latencyP95Ms: 1.5,
        traffic: { kind: "split", share: 0.1 },
        former: { requests: 910, failed: 1, latencyP95Ms: 1.25 },
        compared: 200,
        alike: 199,
        copiesDropped: 3,
      },
    },
  ],
  telemetry: { stream: "0".repeat(32), produced: 10, pending: 0 },
};
const answering = {
  ...soaking,
  slots: [
    {
      slot: model,
      phase: "committed",
      desired: digest("a"),
      active: {
        model,
        version,
        statement: digest("a"),
        sinceMs: 1_795_225_505_233,
        evidence,
        params: { threshold: 0.6, most: 10 },
      },
    },
  ],
};
const unsigned = (payloadType: string, payload: Uint8Array) => ({
  payloadType,
  payload: Buffer.from(payload),
  signatures: [],
});

const truth: FeedbackMessage = {
  id: "f-1",
  replyTo: answerTopic(fleet, "app" as CallerId, device),
  model,
  feedback: [
    { id: "r-1", label: "7" },
    { id: "r-2", label: 7 },
    { id: "r-3", value: 1.5 },
    { id: "r-4", values: [1, 2.5] },
  ],
};
const judged = {
  kind: "feedback" as const,
  id: "f-1",
  model,
  feedback: { joined: 3, duplicate: 0, unknown: 1, unfit: 0, problems: [{ id: "r-4", why: "not remembered" }] },
};

const messages: readonly Message[] = [
  {
    file: "feedback.cbor",
    value: truth,
    encode: () => encodeFeedbackMessage(truth),
    decode: (bytes) => decodePredictRequest(bytes).feedback(),
  },
  {
    file: "feedback-answer.json",
    value: judged,
    encode: () => encodePredictResponse(judged, "json"),
    decode: decodePredictResponse,
  },
  {
    file: "predict-request-key.cbor",
    value: keyed,
    encode: () => encodePredictRequest(keyed),
    decode: (bytes) => decodePredictRequest(bytes).request(),
  },
  {
    file: "deployment-split.json",
    value: split,
    encode: () => json(split),
    decode: (bytes) => deploymentIn(unsigned(DEPLOYMENT_TYPE, bytes)),
  },
  {
    file: "deployment-params.json",
    value: tuned,
    encode: () => json(tuned),
    decode: (bytes) => deploymentIn(unsigned(DEPLOYMENT_TYPE, bytes)),
  },
  {
    file: "report-params.json",
    value: answering,
    encode: () => json(answering),
    decode: (bytes) => reportIn(unsigned(REPORT_TYPE, bytes)),
  },
  {
    file: "report-soaking.json",
    value: soaking,
    encode: () => json(soaking),
    decode: (bytes) => reportIn(unsigned(REPORT_TYPE, bytes)),
  },
  { file: "device-state.json", value: state, encode: () => json(state), decode: parseDeviceState },
  { file: "device-info.json", value: info, encode: () => json(info), decode: parseDeviceInfo },
  { file: "hello.json", value: hello, encode: () => json(hello), decode: parseHello },
  { file: "controller-state.json", value: controller, encode: () => json(controller), decode: parseControllerState },
  { file: "telemetry-ack.cbor", value: ack, encode: () => encodeCbor(ack), decode: parseTelemetryAck },
  {
    file: "telemetry-batch.cbor",
    value: range,
    encode: () => encodeTelemetryBatch(range),
    decode: decodeTelemetryBatch,
  },
  { file: "transfer-offer.cbor", value: offer, encode: () => encodeTransferOffer(offer), decode: decodeTransferOffer },
  { file: "transfer-want.cbor", value: want, encode: () => encodeTransferWant(want), decode: decodeTransferWant },
  {
    file: "predict-request.cbor",
    value: request,
    encode: () => encodePredictRequest(request),
    decode: (bytes) => decodePredictRequest(bytes).request(),
  },
  {
    file: "predict-request.json",
    value: request,
    encode: () => encodePredictRequest(request, "json"),
    decode: (bytes) => decodePredictRequest(bytes).request(),
  },
  {
    file: "predict-response.cbor",
    value: response,
    encode: () => encodePredictResponse(response, "cbor"),
    decode: decodePredictResponse,
  },
  {
    file: "predict-response.json",
    value: response,
    encode: () => encodePredictResponse(response, "json"),
    decode: decodePredictResponse,
  },
  ...(["cbor", "json"] as const).flatMap((encoding): Message[] => [
    {
      file: `predict-request-media.${encoding}`,
      value: seen,
      encode: () => encodePredictRequest(seen, encoding),
      decode: (bytes) => decodePredictRequest(bytes).request(),
    },
    {
      file: `predict-response-results.${encoding}`,
      value: told,
      encode: () => encodePredictResponse(told, encoding),
      decode: decodePredictResponse,
    },
  ]),
  {
    file: "predict-refusal.cbor",
    value: refusal,
    encode: () => encodePredictResponse(refusal, "cbor"),
    decode: decodePredictResponse,
  },
];

/** Buffers and typed arrays compare by their bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

for (const { file, value, encode, decode } of messages) {
  t.test(`${file} is read as it was meant, and written byte for byte as before`, async (t) => {
    const path = `${folder}${file}`;
    if (!existsSync(path) && process.env["ADD_WIRE_FIXTURES"] === "1") writeFileSync(path, encode());
    const bytes = readFileSync(path);
    t.same(plain(decode(bytes)), plain(value));
    t.equal(Buffer.from(encode()).toString("hex"), bytes.toString("hex"));
  });
}

t.test("signed documents of the field are still believed under their keys", async (t) => {
  const rootBytes = readFileSync(`${folder}root.1.json`);
  const root = acceptFirstRoot(rootBytes, readFileSync(`${folder}root.1.sha256`, "utf8").trim() as Sha256);
  const deployment = parseEnvelope(readFileSync(`${folder}deployment.dsse.json`));
  t.equal(countSigningKeys(deployment, root.roles.director.keys), 1);
  t.match(deploymentIn(deployment), { v: 1, fleet, device, seq: 7, slots: [{ slot: model, version }] });
  const report = parseEnvelope(readFileSync(`${folder}report.dsse.json`));
  t.equal(countSigningKeys(report, [publicKeyFromPem(readFileSync(`${folder}device.public.pem`, "utf8"))]), 1);
  t.match(reportIn(report), { v: 1, device, counter: 3, slots: [{ slot: model, phase: "committed" }] });
});

t.test("a chunk's frame has the header of the field", async (t) => {
  const bytes = readFileSync(`${folder}chunk-frame.bin`);
  const { header, payload } = decodeChunkFrame(bytes);
  t.equal(Buffer.from(payload).toString(), "sixteen bytes...");
  t.equal(Buffer.from(encodeChunkFrame(header, payload)).toString("hex"), bytes.toString("hex"));
});

t.test("a large prediction is cut as before", async (t) => {
  const [first, second] = splitPredictMessage("r-2", new Uint8Array(60_001));
  t.equal(first?.byteLength, 60_035);
  t.equal(second?.byteLength, 34);
});

t.test("every fixture is read by a test", async (t) => {
  const known = [
    ...messages.map(({ file }) => file),
    "root.1.json",
    "root.1.sha256",
    "deployment.dsse.json",
    "report.dsse.json",
    "device.public.pem",
    "chunk-frame.bin",
  ];
  t.same(
    readdirSync(folder).filter((file) => !known.includes(file)),
    [],
  );
});
