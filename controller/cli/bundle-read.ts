/** The commands that look at a bundle and change nothing. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import { modelKeyFromPem } from "../../protocol/trust/model-key.ts";
import { openBundleSource, type BundleSource } from "../bundles/bundle-source.ts";
import { inspectBundle, type InspectedBundle } from "../bundles/inspect-bundle.ts";
import { readArchive } from "../bundles/read-archive.ts";
import { testBundle, type TestedVariant, type TestReport } from "../bundles/test-bundle.ts";
import { verifyArchive } from "../bundles/verify-archive.ts";
import { verifyModel } from "../bundles/verify-model.ts";
import { controllerPaths } from "../config.ts";
import { readRoots } from "../trust-roots.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import { agentLines, specText } from "./bundle-init.ts";
import { variantLines } from "./bundle-text.ts";
import { formatOf, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { bytes, counted, milliseconds, shortDigest } from "./human.ts";
import { printOne, table, type Column } from "./output.ts";
import { processingLines } from "./processing-text.ts";

interface VerifyOptions extends OutputOptions {
  readonly home?: string;
  readonly publicKey?: string;
  readonly signature?: string;
  readonly ignorePath?: readonly string[];
}

export function addBundleVerify(bundle: Command): void {
  const command = bundle
    .command("verify <bundle>")
    .description("check the signatures and every file of a bundle, or of any OpenSSF signed model")
    .option("--home <dir>", "whose root names the publisher keys (default: FERRY_HOME, or ~/.modelferry)")
    .option("--public-key <file>", "verify with this key (P-256, P-384 or P-521, PEM) instead of the fleet's root")
    .option("--signature <file>", "the signature file, with --public-key (default: .oms/*.sig, then model.sig)")
    .option("--ignore-path <path...>", "what in the directory does not belong to the model, with --public-key")
    .action(refusalsAsErrors(verify));
  withOutput(command);
  withExamples(
    command,
    "ferry bundle verify digits-1.0.0.bundle.tar",
    "ferry bundle verify ./finbert --public-key signer.pub.pem --signature finbert.sig",
  );
}

async function verify(path: string, options: VerifyOptions): Promise<void> {
  const source = await openBundleSource(path);
  if (options.publicKey !== undefined) return verifyWithKey(source, options.publicKey, options);
  if (options.signature !== undefined || options.ignorePath !== undefined) {
    throw new FerryError("usage", "--signature and --ignore-path are for models that others signed", {
      hint: "Give the signer's key too: --public-key FILE.",
      exitCode: EXIT.usage,
    });
  }
  const root = (await readRoots(controllerPaths(options.home))).at(-1);
  if (root === undefined) throw new FerryError("root-unusable", "There is no root", { hint: "Make one: ferry init" });
  const read = await readArchive(source.stream());
  const { statement, name, version } = verifyArchive(read, root.roles.publisher);
  const result = { verified: true, name, version, statement, files: read.files.size, rootVersion: root.version };
  printOne(
    result,
    formatOf(options),
    () =>
      `${pc.green("✔")} ${pc.bold(`${name}@${version}`)}: ${counted(result.files, "file")} as the publisher signed them\n` +
      `  statement  ${statement}\n` +
      `  signed by  ${root.roles.publisher.threshold} of ${counted(root.roles.publisher.keys.length, "publisher key")} (root version ${root.version})`,
    statement,
  );
}

async function verifyWithKey(source: BundleSource, keyFile: string, options: VerifyOptions): Promise<void> {
  const verified = await verifyModel(source, {
    key: modelKeyFromPem(await readKeyText(keyFile)),
    ...(options.signature === undefined ? {} : { signature: options.signature }),
    ignore: options.ignorePath ?? [],
  });
  printOne(
    { verified: true, ...verified },
    formatOf(options),
    () =>
      `${pc.green("✔")} ${pc.bold(verified.subject)}: ${counted(verified.files, "file")} as the key's owner signed them\n` +
      `  statement  ${verified.statement}\n` +
      `  signature  ${verified.signature}`,
    verified.statement,
  );
}

async function readKeyText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new FerryError("not-found", `There is no public key ${path}`, {
      hint: "Give the signer's public key in PEM.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

export function addBundleInspect(bundle: Command): void {
  const command = bundle
    .command("inspect <bundle>")
    .description("show what a bundle says of itself, unverified")
    .action(
      refusalsAsErrors(async (path: string, options: OutputOptions) => {
        const inspected = await inspectBundle(await openBundleSource(path));
        printOne(inspected, formatOf(options), () => describe(inspected), inspected.statement);
      }),
    );
  withOutput(command);
  withExamples(command, "ferry bundle inspect digits-1.0.0.bundle.tar", "ferry bundle inspect ./digits -o json");
}

function describe({ model, statement, signatures, files, goldenCases, archive }: InspectedBundle): string {
  const fileTable = table(
    {
      rows: files,
      columns: [
        { title: "FILE", text: ({ path }) => path },
        { title: "SIZE", text: ({ sizeBytes }) => bytes(sizeBytes), align: "right" },
        { title: "SHA-256", text: ({ sha256 }) => shortDigest(sha256) },
      ],
    },
    false,
  );
  const shownCases = goldenCases.slice(0, 3).join(" | ") + (goldenCases.length > 3 ? " | …" : "");
  return [
    `${pc.bold(`${model.name}@${model.version}`)}  release ${model.release}, rollback index ${model.rollbackIndex}`,
    ...(model.description === undefined ? [] : [model.description]),
    "",
    ...model.inputs.map((spec) => `  input       ${specText(spec)}`),
    ...model.outputs.map((spec) => `  output      ${specText(spec)}`),
    `  hardware    ${model.compatible.join(", ")}`,
    ...processingLines(model).map(([term, text]) => `  ${term.padEnd(11)} ${text}`),
    ...variantLines(model),
    ...agentLines(model),
    ...(model.golden === undefined ? [] : [`  golden set  ${counted(goldenCases.length, "case")}: ${shownCases}`]),
    `  statement   ${statement}`,
    ...(signatures.length === 0 ? ["  signatures  none"] : []),
    ...signatures.map(({ keyHint }) => `  signature   by key ${keyHint ?? "without a hint"}`),
    `  archive     ${bytes(archive.length)}, SHA-256 ${shortDigest(archive.sha256)}`,
    "",
    fileTable,
  ].join("\n");
}

export function addBundleTest(bundle: Command): void {
  const command = bundle
    .command("test <bundle>")
    .description("run a bundle's golden set on this machine")
    .action(refusalsAsErrors(test));
  withOutput(command);
  withExamples(command, "ferry bundle test ./digits");
}

async function test(path: string, options: OutputOptions): Promise<void> {
  const report = await testBundle(await openBundleSource(path));
  const failed = failuresOf(report);
  const unfit = report.variants.filter((variant) => failuresOf(variant) > 0).map(({ name }) => name);
  const passed = failed === 0 && unfit.length === 0;
  printOne({ passed, ...report }, formatOf(options), () => describeTest(report), report.model.name);
  if (passed) return;
  if (failed === 0) {
    throw new FerryError("self-test", `These variants do not give the golden set's answers: ${unfit.join(", ")}`, {
      hint: "A device would leave them out. Give a variant its own tolerance in model.json, if what it answers is good enough.",
    });
  }
  throw new FerryError("self-test", `${failed} of ${counted(report.cases.length, "golden case")} failed`, {
    hint: "A device would refuse this bundle. If the model is meant to answer so: ferry bundle init --force",
  });
}

function failuresOf({ cases }: Pick<TestReport, "cases">): number {
  return cases.filter(({ difference }) => difference !== undefined).length;
}

function describeTest({ model, provider, cases, latencyMs, variants }: TestReport): string {
  return [
    ...cases.map(({ name, difference }) =>
      difference === undefined ? `${pc.green("✔")} ${name}` : `${pc.red("✖")} ${name}: ${difference}`,
    ),
    "",
    `${pc.bold(`${model.name}@${model.version}`)} on ${provider}: ` +
      `latency p50 ${milliseconds(latencyMs.p50)}, p95 ${milliseconds(latencyMs.p95)}`,
    ...(variants.length === 0 ? [] : ["", variantTable(variants)]),
  ].join("\n");
}

function variantTable(variants: readonly TestedVariant[]): string {
  return table({ rows: variants, columns: VARIANT_COLUMNS }, false);
}

const VARIANT_COLUMNS: readonly Column<TestedVariant>[] = [
  { title: "VARIANT", text: ({ name }) => name },
  { title: "FILE", text: ({ file }) => file },
  { title: "SIZE", text: ({ sizeBytes }) => bytes(sizeBytes), align: "right" },
  { title: "P50", text: ({ latencyMs }) => milliseconds(latencyMs.p50), align: "right" },
  { title: "P95", text: ({ latencyMs }) => milliseconds(latencyMs.p95), align: "right" },
  {
    title: "GOLDEN SET",
    text: ({ cases }) => {
      const first = cases.find(({ difference }) => difference !== undefined)?.difference;
      const passed = cases.length - failuresOf({ cases });
      return `${passed}/${cases.length}${first === undefined ? "" : `  ${pc.red(first)}`}`;
    },
  },
];
