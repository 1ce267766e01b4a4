/** A newcomer's first command: from an ONNX file to devices that answer with it, in one line. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import { openBundleSource } from "../bundles/bundle-source.ts";
import { importBundle } from "../bundles/import/import-bundle.ts";
import { inspectBundle } from "../bundles/inspect-bundle.ts";
import { modelNameFrom } from "../bundles/model-name.ts";
import { nextVersion } from "../bundles/next-version.ts";
import { preparePush } from "../bundles/push-bundle.ts";
import { signBundle } from "../bundles/sign-bundle.ts";
import { controllerPaths } from "../config.ts";
import type { Client } from "../http/client.ts";
import { openSigner } from "../signers/open-signer.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import { specText } from "./bundle-init.ts";
import { clientOf, withRemote } from "./context.ts";
import { bytes } from "./human.ts";
import { print, say } from "./output.ts";
import { createRollout, subjectOf, withProgress, withSubject, type CreateOptions } from "./rollout-create.ts";
import { quoted } from "./shell-word.ts";
import { signerSource, withSigner, type SignerOptions } from "./signer-options.ts";

interface Options extends Omit<CreateOptions, "name">, SignerOptions {
  readonly name?: string;
  readonly version?: string;
  readonly labels?: string;
  readonly samples?: string;
  readonly home?: string;
}

export function addDeployCommand(program: Command): void {
  const command = withProgress(withSubject(program.command("deploy <model>")))
    .description("bring an ONNX file, or a bundle's folder, to devices: describe, sign, push and roll out in one line")
    .option("--dry-run", "say what would happen, and do nothing")
    .option("--name <name>", "the model's name (default: that of the file, or of its folder for model.onnx)")
    .option("--version <version>", "the model's version (default: 1.0.0, or the one after the newest in the catalogue)")
    .option("--labels <file>", "the names of the classes, one a line")
    .option(
      "--samples <file>",
      "sample inputs: a JSON list of {name, inputs: {tensor: values}}, .jsonl, .csv or .npy; golden set, and baseline from 200 on",
    )
    .option("--stages <list>", "shares or numbers of devices that grow, such as 5%,25%,100%")
    .option("--soak <time>", "how long each stage is watched before the next, such as 10m")
    .option("--home <dir>", "where the keys are (default: FERRY_HOME, or ~/.modelferry)")
    .action(refusalsAsErrors(deploy));
  withSigner(command, "offline/publisher.key.pem in the home folder");
  withRemote(
    command,
    "ferry deploy ./model.onnx --name digits --all --dry-run",
    "ferry deploy ./digits.onnx -l site=oslo --samples samples.json -w",
    "ferry deploy ./digits-1.1.0 --all --stages 10%,100% --soak 10m --yes",
  );
}

async function deploy(path: string, options: Options): Promise<void> {
  // What a person forgot is said before anything is made.
  subjectOf("model@1.0.0", options);
  const client = clientOf(options);
  if (options.dryRun === true) return foretell(path, client, options);
  const directory = await bundleOf(path, client, { ...options, into: undefined });
  const source = await openBundleSource(directory);

  say(`${pc.bold("2/4")} sign`);
  const signer = await openSigner(signerSource(options, controllerPaths(options.home).publisherKey), "bundle");
  const { model } = await signBundle(source, signer);
  const label = `${model.name}@${model.version}`;

  const { lengthBytes, stream } = await preparePush(source);
  say(`${pc.bold("3/4")} push      ${label}, ${bytes(lengthBytes)}, to ${options.controller}`);
  await client.pushBundle({ body: Readable.from(stream(), { objectMode: false }) });

  say(`${pc.bold("4/4")} roll out  ${whomText(options)}`);
  const { name: _, ...rollout } = options;
  await createRollout(label, rollout);
}

/** The same checks on the same model, in a folder that goes away. */
async function foretell(path: string, client: Client, options: Options): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "ferry-deploy-"));
  try {
    const directory = await bundleOf(path, client, { ...options, into: join(scratch, "bundle") });
    const { model } = await inspectBundle(await openBundleSource(directory));
    const label = `${model.name}@${model.version}`;
    print(
      [
        `${pc.bold(label)} would be signed, pushed to ${options.controller} and rolled out ${whomText(options)}`,
        ...model.inputs.map((spec) => `  input   ${specText(spec)}`),
        ...model.outputs.map((spec) => `  output  ${specText(spec)}`),
      ].join("\n"),
    );
    say("\nNothing was changed. The same line without --dry-run shows the plan, asks, and does it.");
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function whomText({ selector, device }: Options): string {
  if (device !== undefined) return `to ${device.join(", ")}`;
  return selector === undefined ? "to all devices" : `to the devices with ${selector}`;
}

interface Making extends Options {
  /** Where the bundle is made; beside the model, under its name and version, where it is absent. */
  readonly into: string | undefined;
}

/** A bundle's folder is taken as it is; an ONNX file becomes one. */
async function bundleOf(path: string, client: Client, { into, ...options }: Making): Promise<string> {
  if (await isFolder(path)) {
    if (!existsSync(join(path, MODEL_JSON))) {
      throw new FerryError("no-model", `${path} is no bundle: it has no ${MODEL_JSON}`, {
        hint: `Give the ONNX file itself, or describe the folder first: ferry bundle init ${quoted(path)}`,
        exitCode: EXIT.usage,
      });
    }
    say(`${pc.bold("1/4")} describe  ${path} is a bundle already`);
    return path;
  }
  const name = modelNameFrom(options.name ?? stemOf(path));
  const { bundles } = await client.listBundles({ query: { name } });
  const version = options.version ?? nextVersion(bundles.map((bundle) => bundle.version));
  const { directory, cases, baselineSamples, inputs } = await importBundle(
    {
      name,
      version,
      onnx: path,
      inputs: [],
      outputs: [],
      samples: () => Promise.resolve(undefined),
      ...(options.labels === undefined ? {} : { labels: options.labels }),
    },
    { chosen: [], left: [] },
    {
      output: into ?? join(dirname(path), `${name}-${version}`),
      name,
      ...(options.samples === undefined ? {} : { samples: options.samples }),
      force: false,
    },
  );
  say(
    `${pc.bold("1/4")} describe  ${name}@${version}${into === undefined ? ` in ${directory}` : ""}, golden set of ${cases}${baselineSamples === undefined ? "" : `, baseline of ${baselineSamples}`}`,
  );
  if (inputs === "synthetic") {
    say(
      `    ${pc.yellow("note:")} its inputs are synthetic: they show that devices compute as this machine does. --samples FILE proves more.`,
    );
  }
  return directory;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new FerryError("not-found", `There is no ${path}`, {
      hint: "Give an ONNX file, or the folder of a bundle.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

/** What exporters call every model is no name: that of the folder is better. */
function stemOf(path: string): string {
  const stem = basename(path).replace(/\.onnx$/i, "");
  return stem === "model" ? basename(dirname(resolve(path))) : stem;
}
