/** Which execution providers work on this machine: each computes something, in a process of its own. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { WHY_CHARS_MAX, type FailedProvider } from "../../protocol/trust/evidence.ts";
import { killOnAbort } from "../inference/qualify/load-runner.ts";
import type { RunnerCommand } from "../inference/runner/runner-process.ts";
import { ModelFailure, startRunner } from "../inference/runner/runner.ts";
import { lowerPriority } from "./process-priority.ts";

export interface Discovery {
  readonly command: RunnerCommand;
  readonly log: Log;
}

export interface FoundProviders {
  /** `cpu` first. */
  readonly working: readonly string[];
  /** What onnxruntime was built with, and does not work here. */
  readonly failed: readonly FailedProvider[];
}

/** What the processor did with the smallest model. */
export interface ProbeFigures {
  /** From the start of the process until the model was loaded. */
  readonly loadMs: number;
  readonly inferMs: number;
}

export interface DiscoveredProviders extends FoundProviders {
  readonly processor: ProbeFigures;
}

/** y = x + x for four numbers, in ONNX. */
const DOUBLING = "CAg6OAoOCgF4CgF4EgF5IgNBZGQSBHRpbnlaDwoBeBIKCggIARIECgIIBGIPCgF5EgoKCAgBEgQKAggEQgIQEQ==";
/** A graphics driver that starts for the first time takes seconds; TensorRT a minute, even for this model. */
const PROBE_MS_MAX = 120_000;

/** Never throws for a provider that does not work; FerryError `onnx-runtime` where onnxruntime itself does not. */
export async function discoverProviders(discovery: Discovery, signal: AbortSignal): Promise<DiscoveredProviders> {
  const directory = await mkdtemp(join(tmpdir(), "ferry-probe-"));
  try {
    const file = join(directory, "probe.onnx");
    await writeFile(file, Buffer.from(DOUBLING, "base64"));
    const processor = await probe(discovery, file, "cpu", signal);
    if ("why" in processor) {
      throw new FerryError("onnx-runtime", `onnxruntime does not work here: ${processor.why}`, {
        hint: "FERRY_ORT_PATH names the folder of the onnxruntime-node to use; without it, the installed one is used.",
      });
    }
    const working = ["cpu"];
    const failed: FailedProvider[] = [];
    for (const provider of processor.known.filter((name) => name !== "cpu")) {
      if (signal.aborted) break;
      const probed = await probe(discovery, file, provider, signal);
      if ("why" in probed) failed.push({ provider, why: probed.why.slice(0, WHY_CHARS_MAX) });
      else working.push(provider);
    }
    return { working, failed, processor: processor.figures };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type Probed = { readonly known: readonly string[]; readonly figures: ProbeFigures } | { readonly why: string };

async function probe(
  { command, log }: Discovery,
  file: string,
  provider: string,
  signal: AbortSignal,
): Promise<Probed> {
  // What the libraries of a provider that fails write to standard error is expected here, and said in a sentence.
  const quiet = log.child({}, { level: log.isLevelEnabled("debug") ? "debug" : "error" });
  const startedMs = performance.now();
  const runner = await startRunner(command, quiet);
  lowerPriority(runner.pid);
  using _killing = killOnAbort(runner, signal);
  try {
    const request = { file, provider, settings: {}, intraOpThreads: 1, ranges: {} };
    const { knownProviders } = await runner.load(request, PROBE_MS_MAX);
    const loadedMs = performance.now();
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const { outputs } = await runner.infer([{ name: "x", datatype: "FP32", shape: [4], bytes }]);
    const doubled = new Float32Array(new Uint8Array(outputs[0]?.bytes ?? []).buffer);
    if (String(doubled) !== "2,4,6,8") return { why: `it says that twice 1, 2, 3, 4 is ${String(doubled)}` };
    const inferMs = performance.now() - loadedMs;
    return { known: knownProviders, figures: { loadMs: loadedMs - startedMs, inferMs } };
  } catch (error) {
    return { why: error instanceof ModelFailure ? error.message : `its process failed: ${messageOf(error)}` };
  } finally {
    runner.kill();
    await runner.ended;
  }
}
