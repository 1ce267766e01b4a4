import type { ProviderSettings } from "../../common/onnx-provider.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";

/** One way to run a bundle on this device: a file of it, on an execution provider. */
export interface LoadChoice {
  readonly file: string;
  readonly provider: string;
  readonly settings: ProviderSettings;
}

/** In the order in which to try them, each provider once; the processor is the last resort. Never empty. */
export function loadChoices({ file, providers = [], providerOptions = {} }: ModelJson): readonly LoadChoice[] {
  const wanted = [...new Set(providers)];
  const beforeProcessor = wanted.includes("cpu") ? wanted.slice(0, wanted.indexOf("cpu")) : wanted;
  return [...beforeProcessor, "cpu"].map((provider) => ({ file, provider, settings: providerOptions }));
}
