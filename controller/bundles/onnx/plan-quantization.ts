/** Which weights become 8-bit integers, and how. Pure. */
import { isFloat } from "./float-tensor.ts";
import { shapeOf } from "./onnx-file.ts";
import { numberAttribute, type Weight, type WeightUse } from "./weight-uses.ts";

/**
 * `weights`: only how weights are stored changes; operators compute in float32 as before. `dynamic`: matrix products compute
 * in 8-bit integers, their other side being quantised as it comes.
 */
export type QuantizationMode = "weights" | "dynamic";

export interface PlannedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** The dimension that counts the output channels: each gets a scale of its own. */
  readonly axis: number;
  /** True where every use of it is a matrix product that will compute in integers. */
  readonly isDynamic: boolean;
}

export interface QuantizationPlan {
  readonly weights: ReadonlyMap<string, PlannedWeight>;
  /** Bytes of float32 that stay as they are, by why. */
  readonly left: ReadonlyMap<string, number>;
}

/** Smaller weights save nothing that their scales and nodes do not cost. */
const ELEMENTS_MIN = 256;

/** The dimension of the output channels, by operator and place among its inputs; `last` counts from the end. */
const CHANNEL_AXES: Readonly<Record<string, Readonly<Record<number, number | "last">>>> = {
  MatMul: { 1: "last" },
  FusedMatMul: { 1: "last" },
  Conv: { 1: 0 },
  FusedConv: { 1: 0 },
  ConvTranspose: { 1: 1 },
  // [directions, gates × hidden, …]
  LSTM: { 1: 1, 2: 1 },
  GRU: { 1: 1, 2: 1 },
  RNN: { 1: 1, 2: 1 },
  Gather: { 0: 0 },
};

/** The standard operators, and onnxruntime's own fused forms of them, which its optimiser writes. */
const DOMAINS: ReadonlySet<string> = new Set(["", "ai.onnx", "com.microsoft"]);

export function planQuantization(weights: Iterable<Weight>, mode: QuantizationMode): QuantizationPlan {
  const planned = new Map<string, PlannedWeight>();
  const left = new Map<string, number>();
  for (const weight of weights) {
    if (!isFloat(weight.tensor)) continue;
    const shape = shapeOf(weight.tensor);
    const elements = shape.reduce((product, size) => product * size, 1);
    if (elements < ELEMENTS_MIN) continue;
    const axis = channelAxis(weight, shape.length);
    if (typeof axis === "string") left.set(axis, (left.get(axis) ?? 0) + elements * 4);
    else
      planned.set(weight.name, {
        name: weight.name,
        shape,
        axis,
        isDynamic: mode === "dynamic" && isProduct(weight, shape),
      });
  }
  return { weights: planned, left };
}

/** Or why there is none. */
function channelAxis({ uses }: Weight, rank: number): number | string {
  const axes = new Set(uses.flatMap((use) => axisFor(use, rank) ?? []));
  const [axis, another] = axes;
  if (axis === undefined)
    return `${[...new Set(uses.map(({ node }) => node.op))].slice(0, 3).join(", ") || "nothing"} uses it`;
  return another === undefined ? axis : "operators use it along different dimensions";
}

function axisFor({ node, at }: WeightUse, rank: number): number | undefined {
  if (!DOMAINS.has(node.domain) || rank < 2) return undefined;
  if (node.op === "Gemm" || node.op === "FusedGemm") {
    return at === 1 && rank === 2 ? (numberAttribute(node, "transB", 0) === 0 ? 1 : 0) : undefined;
  }
  if (node.op === "Gather" && numberAttribute(node, "axis", 0) !== 0) return undefined;
  if (node.op === "FusedMatMul" && numberAttribute(node, "transB", 0) !== 0) return undefined;
  const axis = CHANNEL_AXES[node.op]?.[at];
  return axis === "last" ? rank - 1 : axis;
}

/** A matrix whose every use is the right side of a plain product. */
function isProduct({ uses }: Weight, shape: readonly number[]): boolean {
  return (
    shape.length === 2 &&
    uses.every(({ node, at }) => at === 1 && (node.domain === "" || node.domain === "ai.onnx") && isPlainProduct(node))
  );
}

function isPlainProduct(node: WeightUse["node"]): boolean {
  if (node.op === "MatMul") return true;
  return (
    node.op === "Gemm" &&
    numberAttribute(node, "transA", 0) === 0 &&
    numberAttribute(node, "alpha", 1) === 1 &&
    numberAttribute(node, "beta", 1) === 1
  );
}
