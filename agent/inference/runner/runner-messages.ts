/** What the agent and a runner process say to each other, over the channel that the agent opens when it starts one. */
import type { ProviderSettings } from "../../../common/onnx-provider.ts";
import type { OutputRange } from "../../../protocol/bundle/model-json.ts";
import type { Tensor, TensorSpec } from "../../../protocol/tensor.ts";
import type { OutputFault } from "./sound-outputs.ts";

export type ToRunner =
  | {
      readonly kind: "load";
      readonly file: string;
      readonly provider: string;
      readonly settings: ProviderSettings;
      readonly intraOpThreads: number;
      /** By output, where `model.json` declares one. */
      readonly ranges: Readonly<Record<string, OutputRange>>;
    }
  | {
      readonly kind: "infer";
      readonly id: number;
      /** The inputs of each request; those of several can be joined (`onnx-batch.ts`). */
      readonly requests: readonly (readonly Tensor[])[];
      readonly outputs: readonly string[] | undefined;
    }
  /** Exit once what came before is answered. */
  | { readonly kind: "end" };

export type FromRunner =
  | ({ readonly kind: "loaded" } & LoadedModel)
  | { readonly kind: "load-failed"; readonly code: string; readonly message: string }
  /** One outcome for each request, in their order. */
  | { readonly kind: "computed"; readonly id: number; readonly outcomes: readonly RequestOutcome[] };

/** What the ONNX file itself says, and how long it took to load. */
export interface LoadedModel {
  /** Of the onnxruntime-node that loaded it. */
  readonly knownProviders: readonly string[];
  readonly ignoredOptions: readonly string[];
  readonly inputs: readonly (Omit<TensorSpec, "shape"> & { readonly shape: readonly number[] })[];
  readonly outputs: readonly (Omit<TensorSpec, "shape"> & { readonly shape: readonly number[] })[];
  readonly loadMs: number;
}

/** What became of one request. */
export type RequestOutcome =
  | ({ readonly kind: "outputs" } & RunnerAnswer)
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

export interface RunnerAnswer {
  readonly outputs: readonly Tensor[];
  /** What `sound-outputs.ts` finds wrong with the outputs. */
  readonly fault: OutputFault | undefined;
  /** The model's own time for all that was computed together, without the way there and back. */
  readonly inferMs: number;
  /** Requests that were computed together, this one included. */
  readonly batchSize: number;
}
