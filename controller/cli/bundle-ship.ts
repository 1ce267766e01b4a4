/** The commands that bring a bundle on its way: sign, build, push. */
import { Readable } from "node:stream";
import type { Command } from "commander";
import pc from "picocolors";
import { relative } from "node:path";
import { buildArchive } from "../bundles/build-archive.ts";
import { openBundleSource } from "../bundles/bundle-source.ts";
import { preparePush } from "../bundles/push-bundle.ts";
import { signBundle } from "../bundles/sign-bundle.ts";
import { controllerPaths } from "../config.ts";
import { openSigner } from "../signers/open-signer.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { bytes, counted, shortDigest } from "./human.ts";
import { print, printOne, say } from "./output.ts";
import { signerSource, withSigner, type SignerOptions } from "./signer-options.ts";

interface SignOptions extends SignerOptions {
  readonly home?: string;
}

export function addBundleSign(bundle: Command): void {
  const command = bundle
    .command("sign <bundle>")
    .description("add a publisher's signature to a bundle's directory or archive")
    .option("--home <dir>", "where the keys are (default: FERRY_HOME, or ~/.modelferry)")
    .action(refusalsAsErrors(sign));
  withSigner(command, "offline/publisher.key.pem in the home folder");
  withExamples(
    command,
    "ferry bundle sign ./digits",
    "ferry bundle sign digits-1.0.0.bundle.tar --key second.key.pem",
    "ferry bundle sign ./digits --signer-cmd ./sign-with-hsm --public-key publisher.pub.pem",
  );
}

async function sign(path: string, { home, ...options }: SignOptions): Promise<void> {
  const source = await openBundleSource(path);
  const signer = await openSigner(signerSource(options, controllerPaths(home).publisherKey), "bundle");
  const { model, statement, kept, stale } = await signBundle(source, signer);
  for (const former of stale) {
    say(
      `${pc.yellow("note:")}  removed ${former}: it was over files that have changed since, and would get the bundle refused`,
    );
  }
  print(
    `${pc.green("✔")} ${pc.bold(`${model.name}@${model.version}`)} is signed, ${counted(kept.length + 1, "signature")}\n` +
      `  statement  ${statement}\n` +
      `  key        ${signer.publicKey.hint}`,
  );
  say(`\nNext:\n  ferry bundle push ${path}`);
}

interface BuildOptions {
  readonly output?: string;
}

export function addBundleBuild(bundle: Command): void {
  const command = bundle
    .command("build <directory>")
    .description("write a bundle's archive; the same directory always gives the same bytes")
    .option("-o, --output <file>", "where to (default: <name>-<version>.bundle.tar)")
    .action(refusalsAsErrors(build));
  withExamples(command, "ferry bundle build ./digits", "ferry bundle build ./digits -o out/digits.bundle.tar");
}

async function build(directory: string, { output }: BuildOptions): Promise<void> {
  const { model, path, archive, signatures } = await buildArchive(await openBundleSource(directory), output);
  print(
    `${pc.green("✔")} ${pc.bold(`${model.name}@${model.version}`)} is built in ${path}\n` +
      `  ${bytes(archive.length)}, ${signatures === 0 ? "not signed" : counted(signatures, "signature")}, SHA-256 ${archive.sha256}`,
  );
  say(`\nNext:\n  ferry bundle ${signatures === 0 ? "sign" : "push"} ${shortPath(path)}`);
}

/** As a person would type it: relative where the file lies below the working directory. */
function shortPath(path: string): string {
  const below = relative("", path);
  return below.startsWith("..") ? path : below;
}

export function addBundlePush(bundle: Command): void {
  const command = bundle
    .command("push <bundle>")
    .description("put a signed bundle, directory or archive, into the controller's catalogue")
    .action(refusalsAsErrors(push));
  withController(command);
  withOutput(command);
  withExamples(command, "ferry bundle push ./digits", "ferry bundle push digits-1.0.0.bundle.tar");
}

async function push(path: string, options: RemoteOptions & OutputOptions): Promise<void> {
  const { model, statement, lengthBytes, stream } = await preparePush(await openBundleSource(path));
  const label = `${model.name}@${model.version}`;
  say(`Pushing ${label} (${bytes(lengthBytes)}) to ${options.controller}`);
  const result = await clientOf(options).pushBundle({ body: Readable.from(stream(), { objectMode: false }) });
  printOne(
    result,
    formatOf(options),
    () =>
      `${pc.green("✔")} ${pc.bold(label)} ${result.outcome === "added" ? "is in the catalogue" : "was in the catalogue already"}\n` +
      `  statement  ${shortDigest(statement)}…`,
    label,
  );
  say(`\nNext:\n  ferry rollout create ${label} --all --dry-run`);
}
