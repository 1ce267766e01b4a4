import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { PREDICT_TIMEOUT_MS_MAX } from "../../protocol/messages/predict-request.ts";
import { gate } from "../../protocol/schema.ts";
import { PredictBody, type PredictAnswer } from "../http/predict-routes.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { milliseconds } from "./human.ts";
import { deviceId, modelName } from "./ids.ts";
import { printOne } from "./output.ts";

interface Options extends RemoteCommandOptions {
  readonly input?: string;
  readonly image?: string;
  readonly sound?: string;
  readonly timeout?: number;
  readonly id?: string;
  readonly key?: string;
}

export function addPredictCommand(program: Command): void {
  const command = program
    .command("predict <device> <model>")
    .description("ask a model on a device, over MQTT, with an Open Inference Protocol v2 request")
    .option(
      "--input <file>",
      'JSON: {"inputs": {"x": [[1, 2]]}}, or OIP tensors with datatype and shape; - reads standard input',
    )
    .option("--image <file>", "a JPEG or PNG file, for a model whose description says what becomes of it")
    .option("--sound <file>", "a WAV file, likewise")
    .option("--timeout <time>", "how long to wait for the answer (default: 10s)", timeoutMs)
    .option("--id <id>", "what the request is called, for `ferry feedback` (default: a random id, which is shown)")
    .option("--key <key>", "requests of one key are answered by one version while another soaks beside it")
    .action(predict);
  withRemote(
    command,
    "ferry predict cam-0017 signs --image street.jpg",
    "ferry predict cam-0017 digits --input digit.json",
    `echo '{"inputs":{"x":[[0.5,1]]}}' | ferry predict cam-0017 m --input -`,
  );
}

const check = gate("prediction request", PredictBody);

async function predict(device: string, model: string, options: Options): Promise<void> {
  const format = formatOf(options);
  const params = { device: deviceId(device), model: modelName(model) };
  const body = {
    ...(await requestOf(options)),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(options.key === undefined ? {} : { key: options.key }),
  };
  const answer = await clientOf(options).predict({ params, body });
  printOne(answer, format, () => describe(answer), `${answer.model_name}@${answer.model_version}`);
}

async function requestOf({ input, image, sound }: Options): Promise<PredictBody> {
  const media = image ?? sound;
  if (media === undefined && input === undefined) {
    throw new FerryError("usage", "There is nothing to ask", {
      hint: "Give numbers with --input FILE, a picture with --image FILE, or a sound with --sound FILE.",
      exitCode: EXIT.usage,
    });
  }
  const request = input === undefined ? {} : await readRequest(input);
  return media === undefined ? request : { ...request, media: await readMedia(media) };
}

/** In base64. */
async function readMedia(file: string): Promise<string> {
  try {
    return (await readFile(file)).toString("base64");
  } catch (cause) {
    throw new FerryError("file-unreadable", `Cannot read ${file}: ${messageOf(cause)}`, {
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

async function readRequest(file: string): Promise<PredictBody> {
  try {
    const text = file === "-" ? await standardInput() : await readFile(file, "utf8");
    return check(JSON.parse(text));
  } catch (cause) {
    const what = file === "-" ? "standard input" : file;
    throw new FerryError("bad-input", `Cannot use ${what} as a prediction request: ${messageOf(cause)}`, {
      hint: 'It must be JSON such as {"inputs": {"x": [[0, 1]]}} or {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0, 1]}]}.',
      exitCode: EXIT.usage,
      cause,
    });
  }
}

async function standardInput(): Promise<string> {
  process.stdin.setEncoding("utf8");
  let text = "";
  for await (const part of process.stdin) text += String(part);
  return text;
}

/** Values shown of one output. */
const VALUES_SHOWN_MAX = 20;

function describe({ model_name, model_version, id, outputs, results, parameters }: PredictAnswer): string {
  const lines = outputs.map(({ name, datatype, shape, data }) => {
    const values: readonly unknown[] = Array.isArray(data) ? data : [data];
    const shown = values.slice(0, VALUES_SHOWN_MAX).map((value) => JSON.stringify(value));
    const rest = values.length > VALUES_SHOWN_MAX ? `, … ${values.length - VALUES_SHOWN_MAX} more` : "";
    return `  ${pc.bold(name)} ${datatype} [${shape.join(",")}]  ${shown.join(", ")}${rest}`;
  });
  return [
    `${model_name}@${model_version} answered in ${milliseconds(parameters.round_trip_ms)}  ${pc.dim(id)}`,
    ...resultLines(results),
    ...lines,
  ].join("\n");
}

function resultLines({
  top = [],
  boxes = [],
  segments = [],
  text,
}: NonNullable<PredictAnswer["results"]> = {}): string[] {
  const percent = (score: number) => `${(score * 100).toFixed(1)} %`;
  return [
    ...top.map(({ label, score }) => `  ${pc.bold(label)}  ${percent(score)}`),
    ...boxes.map(({ label = "", score, box }) => `  ${pc.bold(label)}  ${percent(score)}  at ${box.join(", ")}`),
    ...segments.map(
      ({ fromMs, toMs, score }) => `  ${milliseconds(fromMs)} to ${milliseconds(toMs)}  ${percent(score)}`,
    ),
    ...(text === undefined ? [] : [`  ${JSON.stringify(text)}`]),
  ];
}

function timeoutMs(text: string): number {
  const ms = durationMs(text);
  if (ms <= PREDICT_TIMEOUT_MS_MAX) return ms;
  throw new FerryError("usage", `A prediction is waited for at most ${PREDICT_TIMEOUT_MS_MAX / 1_000} s`, {
    hint: "A device that is slower than that is better asked over its own HTTP port.",
    exitCode: EXIT.usage,
  });
}
