/**
 * Whether this program works on this machine: its libraries, a database on disk, a model in a process of its own, pictures in
 * another. One check for a checkout, a package, a container, an image, an emulator and a board; it needs no fleet.
 */
import { tmpdir } from "node:os";
import { EXIT, FerryError, messageOf, type ExitCode } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { readOnnxBuild } from "../../common/onnx-build.ts";
import { packagedProgram, type NativeLibrary } from "../../common/packaged-program.ts";
import type { FailedProvider } from "../../protocol/trust/evidence.ts";
import { discoverProviders } from "../hardware/discover-providers.ts";
import { RUNNER_COMMAND } from "../inference/runner/runner-process.ts";
import { AGENT_VERSION } from "../version.ts";
import { checkDatabase, type DatabaseFigures } from "./check-database.ts";
import { checkPictures, type PictureFigures } from "./check-pictures.ts";

export interface SelfTest {
  readonly ok: boolean;
  readonly program: {
    readonly version: string;
    /** False: it runs from its sources. */
    readonly packaged: boolean;
    readonly node: string;
    /** `linux-arm64`. */
    readonly platform: string;
    /** Of the system's C library; undefined where it is another one. */
    readonly glibc: string | undefined;
    readonly onnxruntime: string;
  };
  readonly checks: {
    /** Empty from sources: npm has compared them when it installed them. */
    readonly libraries: Checked<{ readonly files: readonly NativeLibrary[] }>;
    readonly database: Checked<DatabaseFigures>;
    readonly inference: Checked<InferenceFigures>;
    readonly pictures: Checked<PictureFigures>;
  };
}

export type Checked<Figures> = ({ readonly ok: true } & Figures) | Failed;

interface Failed {
  readonly ok: false;
  /** A FerryError's, or `internal`. */
  readonly code: string;
  readonly error: string;
  readonly hint?: string;
}

interface InferenceFigures {
  readonly providers: readonly string[];
  readonly failedProviders: readonly FailedProvider[];
  readonly loadMs: number;
  readonly inferMs: number;
}

/** Never throws for what does not work: that is in the result. */
export async function selfTest(log: Log, signal: AbortSignal): Promise<SelfTest> {
  const packaged = packagedProgram();
  const libraries = await checked(() => Promise.resolve({ files: packaged?.checkLibraries() ?? [] }));
  const database = await checked(() => checkDatabase(tmpdir()));
  const inference = await checked(() => infer(log, signal));
  const pictures = await checked(() => checkPictures(log));
  return {
    ok: [libraries, database, inference, pictures].every(({ ok }) => ok),
    program: {
      version: AGENT_VERSION,
      packaged: packaged !== undefined,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
      glibc: glibcVersion(),
      onnxruntime: readOnnxBuild().version,
    },
    checks: { libraries, database, inference, pictures },
  };
}

export function exitCodeOf({ ok }: SelfTest): ExitCode {
  return ok ? EXIT.ok : EXIT.failed;
}

async function infer(log: Log, signal: AbortSignal): Promise<InferenceFigures> {
  const { working, failed, processor } = await discoverProviders({ command: RUNNER_COMMAND, log }, signal);
  const { loadMs, inferMs } = processor;
  return { providers: working, failedProviders: failed, loadMs: rounded(loadMs), inferMs: rounded(inferMs) };
}

async function checked<Figures>(check: () => Promise<Figures>): Promise<Checked<Figures>> {
  try {
    return { ok: true, ...(await check()) };
  } catch (error) {
    const code = error instanceof FerryError ? error.code : "internal";
    const hint = error instanceof FerryError ? error.hint : undefined;
    return { ok: false, code, error: messageOf(error), ...(hint === undefined ? {} : { hint }) };
  }
}

/** Undefined where the C library is another one, such as musl. */
function glibcVersion(): string | undefined {
  // What it says of the network may take seconds, for names that nobody answers.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

/** To a tenth. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
