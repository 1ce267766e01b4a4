/** Execution providers as onnxruntime-node takes them, and what it says of one that does not work, in a sentence. */

/** Where the provider's own choice is not the right one. Bytes are of memory. */
export interface ProviderSettings {
  /** The most that its allocator takes. */
  readonly cuda?: { readonly memoryBytes?: number };
  readonly tensorrt?: { readonly halfPrecision?: boolean; readonly workspaceBytes?: number };
  /** A private folder for what a provider compiles of this very file. */
  readonly engineFolder?: string;
}

/**
 * What to ask onnxruntime for: the provider, and below it those that take the operators which it lacks. onnxruntime's
 * documentation of TensorRT: what it cannot compile runs on CUDA rather than on the processor.
 */
export function providerConfigs(provider: string, settings: ProviderSettings, known: ReadonlySet<string>) {
  const names = provider === "tensorrt" && known.has("cuda") ? ["tensorrt", "cuda"] : [provider];
  const configs = names.filter((name) => name !== "cpu").map((name) => ({ name, ...optionsOf(name, settings) }));
  return [...configs, "cpu"];
}

/** The names of the options that `settings` mean for a provider. */
export function optionNames(provider: string, settings: ProviderSettings): string[] {
  return Object.keys(optionsOf(provider, settings));
}

/** Whether a provider compiles models and can keep what it has compiled. */
export function keepsEngines(provider: string): boolean {
  return optionNames(provider, { engineFolder: "/" }).length > 0;
}

/** By the names of onnxruntime's C API in onnxruntime-node's spelling. */
function optionsOf(provider: string, settings: ProviderSettings): Readonly<Record<string, number | boolean | string>> {
  const { cuda, tensorrt, engineFolder } = settings;
  switch (provider) {
    case "tensorrt":
      return {
        ...(tensorrt?.halfPrecision === undefined ? {} : { trtFp16Enable: tensorrt.halfPrecision }),
        ...(tensorrt?.workspaceBytes === undefined ? {} : { trtMaxWorkspaceSize: tensorrt.workspaceBytes }),
        ...(engineFolder === undefined
          ? {}
          : {
              trtEngineCacheEnable: true,
              trtEngineCachePath: engineFolder,
              trtTimingCacheEnable: true,
              trtTimingCachePath: engineFolder,
            }),
      };
    case "cuda":
      return cuda?.memoryBytes === undefined ? {} : { gpuMemLimit: cuda.memoryBytes };
    default:
      return {};
  }
}

/** One sentence of a report. */
export const FAILURE_CHARS_MAX = 160;

/** What onnxruntime 1.27 says, and what it means for whoever maintains the device. */
const FAILURES: readonly { readonly pattern: RegExp; readonly means: (provider: string) => string }[] = [
  {
    pattern: /Failed to load shared library|Failed to load library/,
    means: (provider) =>
      `this onnxruntime lacks libonnxruntime_providers_${provider}, or a library that it needs is not installed`,
  },
  { pattern: /No supported adapters|Failed to get a WebGPU adapter/, means: () => "no graphics adapter was found" },
  {
    pattern: /no CUDA-capable device|CUDA failure 100|cudaErrorNoDevice/,
    means: () => "no CUDA device was found",
  },
  {
    pattern: /CUDA failure 35|driver version is insufficient/,
    means: () => "the CUDA driver is older than this onnxruntime needs",
  },
];

/** Without a full stop: it stands inside a sentence. */
export function providerFailure(provider: string, said: string): string {
  const known = FAILURES.find(({ pattern }) => pattern.test(said));
  if (known !== undefined) return known.means(provider).slice(0, FAILURE_CHARS_MAX);
  const first = said
    // "/onnxruntime_src/….cc:65 … was false. Why", "[ONNXRuntimeError] : 1 : FAIL : Why".
    .replace(/^.*? was false\. /s, "")
    .replace(/^(\[ONNXRuntimeError\] : \d+ : \w+ : |Error: )+/, "")
    .trim()
    .split("\n")[0];
  return (first === undefined || first === "" ? "it failed without a reason" : first).slice(0, FAILURE_CHARS_MAX);
}
