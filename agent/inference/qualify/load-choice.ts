import type { ProviderSettings } from "../../../common/onnx-provider.ts";
import type { Tolerance } from "../../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import { allVariants, type Variant } from "../../../protocol/bundle/variants.ts";

/** One way to run a bundle on this device: a file of it, on an execution provider. */
export interface LoadChoice {
  readonly variant: string;
  readonly file: string;
  readonly provider: string;
  readonly settings: ProviderSettings;
  /** Undefined: the golden set's own. */
  readonly tolerance: Tolerance | undefined;
  /** Where that many were measured to be best here; absent: the usual share of the device's processors. */
  readonly intraOpThreads?: number;
}

/** A file of a bundle with its providers in the order in which to try them, the processor last; never empty. */
export interface VariantChoices {
  readonly name: string;
  readonly choices: readonly LoadChoice[];
}

/** The default file, then the variants that fit this device, in the order of `model.json`. */
export function variantChoices(model: ModelJson, hardwareClasses: readonly string[]): readonly VariantChoices[] {
  const { providers: usual = [], providerOptions: settings = {} } = model;
  const fits = ({ compatible = ["*"] }: Variant) =>
    compatible.some((wanted) => wanted === "*" || hardwareClasses.includes(wanted));
  return allVariants(model)
    .filter(fits)
    .map(({ name, file, providers = usual, tolerance }) => ({
      name,
      choices: upToProcessor(providers).map((provider) => ({ variant: name, file, provider, settings, tolerance })),
    }));
}

/** The same on so many threads of the processor; other providers have their own. */
export function withThreads(choices: readonly LoadChoice[], intraOpThreads: number | undefined): readonly LoadChoice[] {
  if (intraOpThreads === undefined) return choices;
  return choices.map((choice) => (choice.provider === "cpu" ? { ...choice, intraOpThreads } : choice));
}

/** Each provider once. */
function upToProcessor(providers: readonly string[]): string[] {
  const wanted = [...new Set(providers)];
  return [...(wanted.includes("cpu") ? wanted.slice(0, wanted.indexOf("cpu")) : wanted), "cpu"];
}
