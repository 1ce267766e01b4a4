import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { TensorSpec } from "../../protocol/tensor.ts";
import { initAgentBundle } from "../bundles/init-agent.ts";
import { initBundle } from "../bundles/init-bundle.ts";
import { GOLDEN_JSON } from "../bundles/write-bundle.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import { withExamples } from "./context.ts";
import { counted } from "./human.ts";
import { print, say } from "./output.ts";
import { expectedText, processingLines } from "./processing-text.ts";

interface InitOptions {
  readonly name?: string;
  readonly version?: string;
  readonly release?: string;
  readonly agent?: string;
  readonly samples?: string;
  readonly media?: readonly string[];
  readonly force?: true;
}

export function addBundleInit(bundle: Command): void {
  const command = bundle
    .command("init <directory>")
    .description("write model.json and a golden set beside an ONNX file, or of a version of the agent")
    .option("--name <name>", "the model's name (default: that of the directory)")
    .option("--version <version>", `the model's version (default: ${FIRST_VERSION}; of an agent: its own)`)
    .option("--release <number>", "ascends with each release of the model (default: from the version)")
    .option("--agent <folder>", "a version of the agent: the builds in this folder, as `npm run package` leaves them")
    .option(
      "--samples <file>",
      "sample inputs: a JSON list of {name, inputs: {tensor: values}}, .jsonl, .csv or .npy; golden set, and baseline from 200 on",
    )
    .option("--media <file...>", "pictures (JPEG, PNG, npy) or sounds (WAV) for the golden set")
    .option("--force", "write files anew that are there already; what they say of pictures and answers is kept")
    .action(refusalsAsErrors(init));
  withExamples(
    command,
    "ferry bundle init ./digits --samples samples.json",
    "ferry bundle init ./classifier --media cat.jpg dog.jpg",
    "ferry bundle init ./export --name digits --version 1.1.0",
    "ferry bundle init ./ferry-agent --agent dist",
  );
}

const FIRST_VERSION = "1.0.0";

async function init(directory: string, given: InitOptions): Promise<void> {
  const { release, force, agent, ...options } = given;
  if (agent !== undefined) {
    await initAgent(directory, agent, given);
    return;
  }
  const { model, cases, baselineSamples, synthetic, media, looksLikePicture } = await initBundle(directory, {
    ...options,
    version: options.version ?? FIRST_VERSION,
    ...(release === undefined ? {} : { release: releaseNumber(release) }),
    force: force === true,
  });
  print(
    [
      `${pc.green("✔")} ${pc.bold(`${model.name}@${model.version}`)} is described in ${directory}/model.json`,
      "",
      ...model.inputs.map((spec) => `  input   ${specText(spec)}`),
      ...model.outputs.map((spec) => `  output  ${specText(spec)}`),
      `  golden  ${counted(cases, "case")} in ${GOLDEN_JSON}${synthetic ? ", from synthetic inputs" : ""}`,
      ...baselineLines(baselineSamples),
      ...media.map((golden) => `          ${golden.name}: ${expectedText(golden)}`),
      ...processingLines(model).map(([term, text]) => `  ${term.padEnd(7)} ${text}`),
      ...batchingLines(model),
      ...(model.labels === undefined ? [] : [`  labels  ${model.labels}`]),
      ...(model.variants ?? []).map(({ name, file }) => `  variant ${name}: ${file}`),
    ].join("\n"),
  );
  if (synthetic) {
    say(
      `${pc.yellow("note:")}  synthetic inputs show that a device computes as this machine does, not that the model is right.\n` +
        `       Real ones prove more: ferry bundle init ${directory} --force --samples FILE`,
    );
  }
  if (media.length > 0) {
    say(
      `${pc.yellow("note:")}  what a picture or sound becomes is a guess where model.json did not say it: hold scale, mean, std, colour and\n` +
        `       resize against how the model was trained. After a correction: ferry bundle init ${directory} --force --media …`,
    );
  } else if (looksLikePicture) {
    say(
      `${pc.yellow("note:")}  an input looks like a picture. With --media PICTURE… clients may send JPEG and PNG files as they are,\n` +
        "       and the golden set shows what is seen in them.",
    );
  }
  if (model.variants !== undefined) {
    say(
      `${pc.yellow("note:")}  each device takes the fastest variant that passes the golden set. How fast they are here, and\n` +
        `       whether they pass: ferry bundle test ${directory}`,
    );
  }
  say(
    `\nEdit model.json (compatible hardware, budgets) and ${GOLDEN_JSON} if need be, then:\n  ferry bundle sign ${directory}`,
  );
}

/** What drift and anomalies are held against, where samples enough were given. */
export function baselineLines(samples: number | undefined): readonly string[] {
  return samples === undefined
    ? []
    : [`  normal  ${counted(samples, "sample")} in baseline.json, for drift and anomalies`];
}

async function initAgent(
  directory: string,
  agent: string,
  { name, version, release, samples, media, force }: InitOptions,
): Promise<void> {
  if (name !== undefined || samples !== undefined || media !== undefined) {
    throw new FerryError("usage", "--name, --samples and --media are for models, --agent is for the agent itself", {
      hint: `A version of the agent is always called ${AGENT_NAME}: give --agent FOLDER alone.`,
      exitCode: EXIT.usage,
    });
  }
  const model = await initAgentBundle(directory, {
    agent,
    ...(version === undefined ? {} : { version }),
    ...(release === undefined ? {} : { release: releaseNumber(release) }),
    force: force === true,
  });
  print(
    [
      `${pc.green("✔")} ${pc.bold(`${model.name}@${model.version}`)}, a version of the agent, is described in ${directory}/model.json`,
      "",
      ...agentLines(model),
    ].join("\n"),
  );
  say(`\nNext:\n  ferry bundle sign ${directory}`);
}

/** Which machines it is built for, and what they must have. */
export function agentLines({ agent }: ModelJson): string[] {
  return (agent?.builds ?? []).map(({ hardware, folder, glibc }) => {
    const needs = glibc === undefined ? "" : `, needs glibc ${glibc} or newer`;
    return `  build       ${hardware} in ${folder}/${needs}`;
  });
}

function batchingLines({ serving }: ModelJson): string[] {
  if (serving?.batching === undefined) return [];
  return [`  batches of up to ${serving.batching.maxBatch} rows: it answers them as it answers each row alone`];
}

export function specText({ name, datatype, shape }: TensorSpec): string {
  return `${name} ${datatype} [${shape.join(", ")}]`;
}

function releaseNumber(text: string): number {
  const release = Number(text);
  if (Number.isSafeInteger(release) && release >= 0 && text.trim() !== "") return release;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a release number`, {
    hint: "Give a whole number that is larger than that of the release before.",
    exitCode: EXIT.usage,
  });
}
