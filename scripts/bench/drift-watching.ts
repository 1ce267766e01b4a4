/** What watching costs a device: processor time of a request, bytes of a day. */
import { readFileSync } from "node:fs";
import { VersionWatch } from "../../agent/monitor/version-watch.ts";
import { rollUp } from "../../agent/telemetry/roll-up.ts";
import { parseBaseline, type Baseline } from "../../protocol/bundle/baseline.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import type { StreamId } from "../../protocol/ids.ts";
import { TELEMETRY_BATCH_RECORDS_MAX } from "../../protocol/limits.ts";
import { encodeTelemetryBatch, type TelemetryRecord } from "../../protocol/messages/telemetry-batch.ts";
import { tensorFromValues } from "../../protocol/tensor-values.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { readDigits } from "../../test/support/digits.ts";
import { seededRandom } from "../../test/support/seeded-random.ts";

export interface WatchedModel {
  readonly what: string;
  readonly model: ModelJson;
  readonly baseline: Baseline | undefined;
  readonly requests: readonly { readonly inputs: readonly Tensor[]; readonly outputs: readonly Tensor[] }[];
}

const digitsFolder = new URL("../../examples/digits/v1.1.0/", import.meta.url);

export function watchedModels(): readonly WatchedModel[] {
  const model = parseModelJson(readFileSync(new URL("model.json", digitsFolder)));
  const baseline = parseBaseline(readFileSync(new URL(model.baseline ?? "baseline.json", digitsFolder)));
  const { detectors: _, ...withoutDetectors } = baseline;
  const requests = digitRequests();
  return [
    { what: "digits: 64 pixels, 10 scores; drift and anomalies", model, baseline, requests },
    { what: "digits: drift alone", model, baseline: withoutDetectors, requests },
    { what: "a picture of 3 × 224 × 224, 1,000 scores; drift alone", ...picture(model) },
  ];
}

function digitRequests(): WatchedModel["requests"] {
  const random = seededRandom(7);
  return readDigits().map(({ pixels, label }) => {
    const scores = Array.from({ length: 10 }, (_, at) => (String(at) === label ? 0.9 : 0.1 * random()));
    return {
      inputs: [tensorFromValues({ name: "pixels", datatype: "FP32", shape: [1, 64] }, [...pixels])],
      outputs: [tensorFromValues({ name: "probabilities", datatype: "FP32", shape: [1, 10] }, scores)],
    };
  });
}

const PICTURE = { name: "image", datatype: "FP32", shape: [1, 3, 224, 224] } as const;
const SCORES = { name: "scores", datatype: "FP32", shape: [1, 1_000] } as const;

function picture(like: ModelJson): Pick<WatchedModel, "model" | "baseline" | "requests"> {
  const random = seededRandom(11);
  const values = (count: number) => Array.from({ length: count }, random);
  const [input, output] = [PICTURE, SCORES].map((spec) => ({ ...spec, shape: [...spec.shape] }));
  const { baseline: _, serving: __, ...rest } = like;
  const described = { ...rest, name: "picture", inputs: [input], outputs: [output] };
  const model = parseModelJson(Buffer.from(JSON.stringify(described)));
  const requests = Array.from({ length: 8 }, () => ({
    inputs: [tensorFromValues({ ...PICTURE }, values(3 * 224 * 224))],
    outputs: [tensorFromValues({ ...SCORES }, values(1_000))],
  }));
  return { model, baseline: undefined, requests };
}

const DAY_MS = 86_400_000;
/** As `agent/monitor/distribution-recorder.ts` has it. */
const WINDOW_MS = 300_000;
const HOUR_MS = 3_600_000;

/** Processor time for each request whose example is looked at, in microseconds: the median of the runs. */
export function microsPerRequest({ model, baseline, requests }: WatchedModel, count: number, runs: number): number {
  const times = Array.from({ length: runs }, () => {
    const watch = new VersionWatch(model.name, model, baseline, 0);
    const began = process.cpuUsage();
    // A clock that stands still: no time is spent, so that every example is looked at.
    for (let at = 0; at < count; at += 1) look(watch, requests, at);
    const { user, system } = process.cpuUsage(began);
    return (user + system) / count;
  });
  return times.toSorted((a, b) => a - b)[Math.floor(runs / 2)] ?? 0;
}

function look(watch: VersionWatch, requests: WatchedModel["requests"], at: number): void {
  const request = requests[at % requests.length];
  if (request !== undefined) watch.add(request.inputs, request.outputs, () => 0);
}

export interface BytesOfDay {
  readonly records: number;
  /** Batches as they are published, without MQTT, TLS and TCP. */
  readonly wire: number;
}

/** Of a model that is asked so many times in each window of the day; added up by the hour where `isMetered`. */
export function bytesOfDay(
  { model, baseline, requests }: WatchedModel,
  { perWindow, isMetered }: { readonly perWindow: number; readonly isMetered: boolean },
): BytesOfDay {
  const watch = new VersionWatch(model.name, model, baseline, 0);
  const spanMs = isMetered ? HOUR_MS : WINDOW_MS;
  let [records, wire, seq] = [0, 0, 0];
  let waiting: TelemetryRecord[] = [];
  for (let atMs = WINDOW_MS; atMs <= DAY_MS; atMs += WINDOW_MS) {
    for (let at = 0; at < perWindow; at += 1) look(watch, requests, at);
    for (const fields of watch.take(WINDOW_MS))
      waiting.push({ seq: seq++, atMs: atMs - 1, kind: "distribution", fields });
    if (atMs % spanMs !== 0) continue;
    const sent = isMetered ? addedUp(waiting) : waiting;
    waiting = [];
    records += sent.length;
    wire += batchBytes(sent);
  }
  return { records, wire };
}

function addedUp(records: readonly TelemetryRecord[]): readonly TelemetryRecord[] {
  const rows = records.map(({ seq, atMs, kind, fields }) => ({
    ...{ position: seq, at_ms: atMs, kind },
    fields: JSON.stringify(fields),
  }));
  return rollUp(rows as unknown as Parameters<typeof rollUp>[0], HOUR_MS).map(({ into, fields }) => ({
    ...{ seq: into.position, atMs: into.at_ms, kind: "distribution", fields },
  }));
}

function batchBytes(records: readonly TelemetryRecord[]): number {
  let bytes = 0;
  for (let at = 0; at < records.length; at += TELEMETRY_BATCH_RECORDS_MAX) {
    const part = records.slice(at, at + TELEMETRY_BATCH_RECORDS_MAX);
    const [from, next] = [part[0]?.seq ?? 0, (part.at(-1)?.seq ?? 0) + 1];
    const range = { stream: STREAM, acked: from, from, next, backfill: false, records: part };
    bytes += encodeTelemetryBatch(range).byteLength;
  }
  return bytes;
}

const STREAM = "0123456789abcdef0123456789abcdef" as StreamId;
