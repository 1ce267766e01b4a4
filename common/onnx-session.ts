/**
 * The only file that loads `onnxruntime-node`. A session computes in the thread that calls it: the agent gives each
 * model a process of its own (a runner); the command line is such a process.
 */
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type * as onnxruntime from "onnxruntime-node";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { FerryError, messageOf } from "./ferry-error.ts";
import { readOnnxBuild, unreadOptions, unusable, type OnnxBuild } from "./onnx-build.ts";
import { optionNames, providerConfigs, providerFailure, type ProviderSettings } from "./onnx-provider.ts";
import { datatypeOf, fromRuntimeTensor, toRuntimeTensor, type OnnxTensor, type OnnxTensorSpec } from "./onnx-tensor.ts";

type Runtime = typeof onnxruntime;

export interface OnnxSession {
  readonly inputs: readonly OnnxTensorSpec[];
  readonly outputs: readonly OnnxTensorSpec[];
  readonly provider: string;
  /** Of this onnxruntime-node; a driver or a library may still be missing for one. */
  readonly knownProviders: readonly string[];
  /** Options of the provider that this onnxruntime-node does not read, by their names in its interface. */
  readonly ignoredOptions: readonly string[];
  /**
   * Blocks its thread until the outputs are there. Gives the named outputs in that order; without names, all in the
   * model's order. Throws FerryError: `onnx-tensor` (bytes that do not fit their shape), `onnx-run` (the model refuses).
   */
  readonly run: (inputs: readonly OnnxTensor[], outputs?: readonly string[]) => Promise<OnnxTensor[]>;
  /** Gives native memory back, except what onnxruntime leaks; only the end of the process gives back all. */
  readonly release: () => Promise<void>;
}

export interface OnnxSessionOptions {
  /** The execution provider, `cpu` where it is absent; operators that it lacks still run on the processor. */
  readonly provider?: string;
  readonly settings?: ProviderSettings;
  /** Threads within one operator; absent: one for each processor core. */
  readonly intraOpThreads?: number;
}

/**
 * Loads an ONNX file, with its external data beside it. Throws FerryError: `not-found`, `onnx-malformed`, `onnx-opset`,
 * `onnx-external-data`, `onnx-interface` (an input or output is no tensor), `onnx-load` (anything else), `onnx-runtime`,
 * `onnx-provider` (the provider does not work here, or not with this model). After that last one the process should end:
 * a provider that has begun and failed may leave its libraries behind in a state in which others crash.
 */
export async function openOnnxSession(path: string, options: OnnxSessionOptions = {}): Promise<OnnxSession> {
  if (!existsSync(path)) {
    throw new FerryError("not-found", `There is no file ${path}`, { hint: "Check the path.", exitCode: 3 });
  }
  const build = readOnnxBuild();
  const runtime = await loadRuntime(build);
  const session = await createSession(runtime, path, options);
  const { provider = "cpu", settings = {} } = options;
  return {
    inputs: session.inputMetadata.map((metadata) => specOf(path, "input", metadata)),
    outputs: session.outputMetadata.map((metadata) => specOf(path, "output", metadata)),
    provider,
    knownProviders: providersOf(runtime),
    ignoredOptions: unreadOptions(build, optionNames(provider, settings)),
    run: async (inputs, outputs = session.outputNames) => {
      const feeds = inputs.map((tensor) => [tensor.name, toRuntimeTensor(runtime.Tensor, tensor)] as const);
      const results = await runSession(session, Object.fromEntries(feeds), outputs);
      return outputs.flatMap((name) => {
        const result = results[name];
        return result === undefined ? [] : [fromRuntimeTensor(name, result)];
      });
    },
    release: () => session.release(),
  };
}

/** How far onnxruntime rewrites a graph; each level does what the one before does. */
export type OptimizationLevel = "basic" | "extended" | "all";

/**
 * Writes the model to `target` as onnxruntime would run it on this machine's processor: `basic` folds constants and removes
 * what does nothing, `extended` fuses operators into onnxruntime's own, `all` also lays data out as this class of processor
 * likes it, and such a file may not load on another. Throws what openOnnxSession throws.
 */
export async function writeOptimizedModel(path: string, target: string, level: OptimizationLevel): Promise<void> {
  const runtime = await loadRuntime(readOnnxBuild());
  try {
    const session = await runtime.InferenceSession.create(path, {
      executionProviders: ["cpu"],
      graphOptimizationLevel: level,
      optimizedModelFilePath: target,
      logSeverityLevel: FATAL_ONLY,
    });
    await session.release();
  } catch (cause) {
    throw explainLoadFailure(path, cause);
  }
}

function providersOf(runtime: Runtime): string[] {
  return runtime.listSupportedBackends().map((backend) => backend.name);
}

let loading: Promise<Runtime> | undefined;

/** Loads the native library once, at the first use: a process without a model does not pay the 11 MB for it. */
function loadRuntime(build: OnnxBuild): Promise<Runtime> {
  // Releases after 1.27 queue the process name, a device id and the model name for their vendor, on by default. The
  // variable is read when the library starts, so it is set before any build is imported.
  process.env["ORT_DISABLE_TELEMETRY"] = "1";
  loading ??= importRuntime(build);
  return loading;
}

async function importRuntime({ entry }: OnnxBuild): Promise<Runtime> {
  if (entry === undefined) return import("onnxruntime-node");
  try {
    const { default: runtime } = (await import(pathToFileURL(entry).href)) as { readonly default: Runtime };
    runtime.listSupportedBackends();
    return runtime;
  } catch (cause) {
    throw unusable(entry, `it does not load (${messageOf(cause)})`, cause);
  }
}

/** What fails is thrown as well: on standard error it would only be said twice. */
const FATAL_ONLY = 4;

/** A provider that is not the processor fails by its own code, unless what is said is clearly about the file. */
async function createSession(
  runtime: Runtime,
  path: string,
  { provider = "cpu", settings = {}, intraOpThreads }: OnnxSessionOptions,
): Promise<InferenceSession> {
  const known = new Set(providersOf(runtime));
  // onnxruntime-node drops a name that it does not know, and goes on without a word to the caller.
  if (!known.has(provider)) {
    throw new FerryError("onnx-provider", `this onnxruntime has only ${[...known].join(", ")}`);
  }
  try {
    return await runtime.InferenceSession.create(path, {
      executionProviders: providerConfigs(provider, settings, known),
      ...(intraOpThreads === undefined ? {} : { intraOpNumThreads: intraOpThreads }),
      logSeverityLevel: FATAL_ONLY,
    });
  } catch (cause) {
    const failure = explainLoadFailure(path, cause);
    if (provider === "cpu" || failure.code !== "onnx-load") throw failure;
    throw new FerryError("onnx-provider", providerFailure(provider, messageOf(cause)), { cause });
  }
}

async function runSession(
  session: InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
  outputs: readonly string[],
): Promise<InferenceSession.OnnxValueMapType> {
  try {
    return await session.run(feeds, [...outputs]);
  } catch (cause) {
    throw new FerryError("onnx-run", `The model could not compute: ${messageOf(cause).trim()}`, { cause });
  }
}

function specOf(path: string, role: "input" | "output", metadata: InferenceSession.ValueMetadata): OnnxTensorSpec {
  const datatype = metadata.isTensor ? datatypeOf(metadata.type) : undefined;
  if (!metadata.isTensor || datatype === undefined) {
    const what = metadata.isTensor ? `a tensor of ${metadata.type}` : "a sequence or map, not a tensor";
    throw new FerryError("onnx-interface", `${path}: ${role} "${metadata.name}" is ${what}`, {
      hint: "Export the model with plain tensors (for scikit-learn: with the option zipmap=False).",
    });
  }
  return {
    name: metadata.name,
    datatype,
    shape: metadata.shape.map((dimension) => (typeof dimension === "number" ? dimension : -1)),
  };
}

/** Puts what onnxruntime says about a file that it cannot load in words for the person who exported it. */
function explainLoadFailure(path: string, cause: unknown): FerryError {
  const said = messageOf(cause);
  for (const { code, pattern, message, hint } of LOAD_FAILURES) {
    const match = pattern.exec(said);
    if (match !== null) return new FerryError(code, `${path} ${message(match)}`, { hint, cause });
  }
  const reason = said.replace(/^Load model from .*? failed: ?/, "").trim();
  return new FerryError("onnx-load", `${path} cannot be loaded: ${reason}`, {
    hint: "Check the file with onnx.checker.check_model, or export the model again.",
    cause,
  });
}

interface LoadFailure {
  readonly code: string;
  /** What onnxruntime 1.27 says in this case; its groups stand in the sentence. */
  readonly pattern: RegExp;
  readonly message: (match: readonly string[]) => string;
  readonly hint: string;
}

const LOAD_FAILURES: readonly LoadFailure[] = [
  {
    code: "onnx-malformed",
    pattern: /Protobuf parsing failed|does not have a graph/,
    message: () => "is not an ONNX model, or is cut short",
    hint: "Export the model again, and compare the file's size and SHA-256 with the original.",
  },
  {
    code: "onnx-opset",
    pattern: /Opset (\d+) is under development.*domain (\S+) is till opset (\d+)/s,
    message: ([, opset = "", domain = "", most = ""]) =>
      `needs version ${opset} of the operators of ${domain}; this onnxruntime knows them up to ${most}`,
    hint: "Export the model with a lower opset version.",
  },
  {
    code: "onnx-opset",
    pattern: /No Op registered for (\S+) with domain_version of (\d+)/,
    message: ([, operator = "", opset = ""]) =>
      `uses the operator ${operator}, which version ${opset} of the operators does not have`,
    hint: "Export the model with standard operators, or with an opset version that has this one.",
  },
  {
    code: "onnx-external-data",
    pattern: /External data path does not exist: "([^"]*)"/,
    message: ([, file = ""]) => `keeps weights in another file, ${file}, which is not there`,
    hint: "Put the external data file beside the model, under the name that the model expects.",
  },
  {
    code: "onnx-external-data",
    pattern: /External data path escapes model directory\. External data path: "([^"]*)"/,
    message: ([, file = ""]) => `keeps weights in ${file}, outside its own folder`,
    hint: "Save the model again with its external data beside it.",
  },
];
