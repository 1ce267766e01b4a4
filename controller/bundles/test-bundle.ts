import { mkdtemp, mkdir, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openOnnxSession, type OnnxSession } from "../../common/onnx-session.ts";
import { caseDifference } from "../../common/processing/golden-case.ts";
import type { Tolerance } from "../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { allVariants, DEFAULT_VARIANT } from "../../protocol/bundle/variants.ts";
import { answerCase } from "./answer-case.ts";
import { archiveEntries } from "./archive-entries.ts";
import type { BundleSource } from "./bundle-source.ts";
import { openCheckedBundle, type CheckedBundle } from "./check-bundle.ts";

export interface TestedCase {
  readonly name: string;
  /** Undefined where the model answered what the golden set expects. */
  readonly difference: string | undefined;
  readonly latencyMs: number;
}

interface TestedFile {
  readonly provider: string;
  readonly cases: readonly TestedCase[];
  /** Over all timed runs, without the first, which warms the model up. */
  readonly latencyMs: { readonly p50: number; readonly p95: number };
}

export interface TestedVariant extends TestedFile {
  readonly name: string;
  readonly file: string;
  readonly sizeBytes: number;
}

/** The figures of the default file, */
export interface TestReport extends TestedFile {
  readonly model: ModelJson;
  /** and, of a bundle with variants, of all its files, the default one first. */
  readonly variants: readonly TestedVariant[];
}

/** Enough that a 95th percentile means something. */
const TIMED_RUNS_MIN = 100;

/** A large model is timed by fewer runs rather than letting a person wait. */
const TIMED_MS_MAX = 5_000;

/** Runs a bundle's golden set here. An archive is unpacked into a temporary directory for it. Throws FerryError. */
export async function testBundle(source: BundleSource): Promise<TestReport> {
  if (source.kind === "directory") return testDirectory(source.path);
  const directory = await mkdtemp(join(tmpdir(), "ferry-bundle-"));
  try {
    await unpack(source, directory);
    return await testDirectory(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function testDirectory(directory: string): Promise<TestReport> {
  const bundle = await openCheckedBundle(directory);
  const { model, session } = bundle;
  const { tolerance: former } = bundle.tolerances;
  const tested = await testFile(bundle, former, session).finally(() => session.release());
  const variants: TestedVariant[] = [];
  for (const { name, file, tolerance = former } of model.variants === undefined ? [] : allVariants(model)) {
    const { size: sizeBytes } = await stat(join(directory, file));
    if (name === DEFAULT_VARIANT) {
      variants.push({ name, file, sizeBytes, ...tested });
      continue;
    }
    const other = await openOnnxSession(join(directory, file));
    const figures = await testFile(bundle, tolerance, other).finally(() => other.release());
    variants.push({ name, file, sizeBytes, ...figures });
  }
  return { model, ...tested, variants };
}

async function testFile(bundle: CheckedBundle, tolerance: Tolerance, session: OnnxSession): Promise<TestedFile> {
  const tested: TestedCase[] = [];
  const { cases, tolerances } = bundle;
  for (const [at, golden] of cases.entries()) {
    if (at === 0) await session.run(golden.inputs);
    const began = performance.now();
    const answer = await answerCase(session, bundle, golden);
    // Of a sound that the model sees in pieces, one of them: what the timed runs below compute.
    const latencyMs = (performance.now() - began) / (golden.media?.prepared.frames.length ?? 1);
    const difference = caseDifference(golden, answer, { ...tolerances, tolerance });
    tested.push({ name: golden.name, difference, latencyMs });
  }
  return { provider: session.provider, cases: tested, latencyMs: await timed(session, cases, tested) };
}

/** Runs the cases over and over: a golden set alone is too small to time a model by. */
async function timed(
  session: OnnxSession,
  cases: CheckedBundle["cases"],
  tested: readonly TestedCase[],
): Promise<TestReport["latencyMs"]> {
  const latencies = tested.map(({ latencyMs }) => latencyMs);
  const endMs = performance.now() + TIMED_MS_MAX;
  for (let run = latencies.length; run < TIMED_RUNS_MIN && performance.now() < endMs; run += 1) {
    const began = performance.now();
    await session.run(cases[run % cases.length]?.inputs ?? []);
    latencies.push(performance.now() - began);
  }
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.ceil(share * latencies.length) - 1] ?? Number.NaN;
  return { p50: quantile(0.5), p95: quantile(0.95) };
}

/** Names were checked on the way; `wx` makes sure that nothing is written over or through a link. */
async function unpack({ stream }: BundleSource, directory: string): Promise<void> {
  for await (const { name, content } of archiveEntries(stream())) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await using file = await open(path, "wx");
    for await (const bytes of content) await file.writeFile(bytes);
  }
}
