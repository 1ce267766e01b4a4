/** Bundles that nobody trained: a name, a size, and what becomes of a device that runs them. */
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { ModelName, ModelVersion, Sha256, StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";

/** What a model does to those who run it. */
export type Behaviour =
  | { readonly kind: "good" }
  /** The self-test finds it, on this share of the devices. */
  | { readonly kind: "fails-self-test"; readonly share: number }
  /** Nobody signed it. */
  | { readonly kind: "unsigned" }
  /** Its runner hangs while it is qualified. */
  | { readonly kind: "hangs" }
  /** Passes the self-test; under traffic this share of the answers is NaN. */
  | { readonly kind: "nan"; readonly share: number }
  /** Passes the self-test; under traffic this share of the requests fails. */
  | { readonly kind: "errors"; readonly share: number }
  /** Passes the self-test; under traffic its runner ends again and again. */
  | { readonly kind: "crashes"; readonly everyMs: number }
  /** Answers correctly and too late. */
  | { readonly kind: "slow"; readonly factor: number }
  /** Answers in time, and otherwise than the version before it: only a comparison of the two sees that. */
  | { readonly kind: "disagrees"; readonly share: number };

export interface VirtualBundle {
  /** What a deployment says of it. */
  readonly slot: DeployedSlot;
  readonly model: ModelJson;
  readonly behaviour: Behaviour;
}

export interface BundleTraits {
  readonly name?: string;
  readonly version: string;
  readonly behaviour?: Behaviour;
  readonly bytes?: number;
  readonly rollbackIndex?: number;
}

/** The latency that a good model has, and the budget that `model.json` grants. */
export const GOOD_LATENCY_MS = 8;
const BUDGET_LATENCY_MS = 16;

export function virtualBundle(traits: BundleTraits): VirtualBundle {
  const { name = "digits", version, behaviour = { kind: "good" }, bytes = 2_000_000, rollbackIndex = 0 } = traits;
  const identity = sha256(`${name}@${version}`);
  const model = name as ModelName;
  const archive = { sha256: sha256(`archive of ${identity}`), length: bytes, chunkList: identity };
  return {
    slot: { slot: model, model, version: version as ModelVersion, statement: statementOf(identity), archive },
    model: {
      formatVersion: 1,
      name: model,
      version: version as ModelVersion,
      release: 1,
      rollbackIndex,
      file: "model.onnx",
      golden: "golden.json",
      inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }],
      outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }],
      compatible: ["*"],
      budgets: { latencyP95Ms: BUDGET_LATENCY_MS },
    },
    behaviour,
  };
}

function statementOf(identity: Sha256): StatementDigest {
  return identity as string as StatementDigest;
}
