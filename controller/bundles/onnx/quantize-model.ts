/** Rewrites an ONNX model so that its weights are 8-bit integers. Everything that is not rewritten stays byte for byte. */
import { FerryError } from "../../../common/ferry-error.ts";
import { readFloatTensor, tensorBytes } from "./float-tensor.ts";
import {
  ATTRIBUTE,
  ELEMENT,
  externalDataOf,
  GRAPH,
  MODEL,
  NODE,
  nodeOf,
  opsetOf,
  requireDepth,
  TENSOR,
  type OnnxNode,
} from "./onnx-file.ts";
import { constantField, intAttribute, nodeField } from "./onnx-nodes.ts";
import {
  planQuantization,
  type PlannedWeight,
  type QuantizationMode,
  type QuantizationPlan,
} from "./plan-quantization.ts";
import { bytesField, fieldsOf, intOf, lastOf, textOf, type Pieces, type WireField } from "./protobuf.ts";
import { quantizeValues, transposed } from "./quantize-values.ts";
import { weightsOf, type Weight } from "./weight-uses.ts";

export interface QuantizedModel {
  readonly model: Pieces;
  readonly weights: number;
  /** Of the weights that were rewritten, in float32. */
  readonly floatBytes: number;
  /** Matrix products that compute in integers. */
  readonly products: number;
  /** Bytes of float32 that stay, by why. */
  readonly left: ReadonlyMap<string, number>;
}

/** Of weights: symmetric around 0, so −128 is not used. */
const LEVEL_MAX = 127;

/**
 * Of weights that are multiplied as integers. x86 processors without VNNI add pairs of u8 × s8 products in 16 bits:
 * with 7-bit weights no pair can overflow (2 × 255 × 63 < 2^15), and every machine computes the same.
 */
const PRODUCT_LEVEL_MAX = 63;

/** `Cast` and a `Mul` that spreads its sides as numpy does. */
const OPSET_MIN = 7;
/** `DynamicQuantizeLinear`. */
const DYNAMIC_OPSET_MIN = 11;

/**
 * `directory` is where the model's external data lies. Throws FerryError `optimize-opset` or `optimize-nothing`, and
 * ProtobufMalformed.
 */
export function quantizeModel(bytes: Uint8Array, mode: QuantizationMode, directory: string): QuantizedModel {
  const fields = fieldsOf(bytes);
  requireOpset(opsetOf(fields), mode);
  const graph = lastOf(fields, MODEL.graph)?.content ?? new Uint8Array();
  const irVersion = lastOf(fields, MODEL.irVersion);
  const weights = weightsOf(graph, irVersion === undefined ? 0 : intOf(irVersion));
  const plan = planQuantization(weights.values(), mode);
  const rewrite = new GraphRewrite(weights, plan, directory);
  const rewritten = rewrite.graph(graph, 0);
  if (rewrite.weights === 0) throw nothingToDo(plan);
  return {
    model: fields.flatMap((field) => (field.id === MODEL.graph ? bytesField(MODEL.graph, rewritten) : [field.whole])),
    weights: rewrite.weights,
    floatBytes: rewrite.floatBytes,
    products: rewrite.products,
    left: plan.left,
  };
}

class GraphRewrite {
  readonly #weights: ReadonlyMap<string, Weight>;
  readonly #plan: ReadonlyMap<string, PlannedWeight>;
  readonly #directory: string;
  weights = 0;
  floatBytes = 0;
  products = 0;

  constructor(weights: ReadonlyMap<string, Weight>, plan: QuantizationPlan, directory: string) {
    this.#weights = weights;
    this.#plan = plan.weights;
    this.#directory = directory;
  }

  /** Nodes stand in the order in which they can be computed: what takes an initializer's place goes first. */
  graph(content: Uint8Array, depth: number): Pieces {
    requireDepth(depth);
    const first: Uint8Array[] = [];
    const rest: Uint8Array[] = [];
    for (const field of fieldsOf(content)) {
      const planned = this.#plan.get(definedBy(field));
      if (field.id === GRAPH.initializer && planned !== undefined) first.push(...this.#constants(planned));
      // Before version 4 of the format a constant is among the inputs too; it is a node's output now.
      else if (field.id === GRAPH.input && planned !== undefined) continue;
      else if (field.id === GRAPH.initializer) rest.push(...this.#kept(field));
      else if (field.id === GRAPH.node) rest.push(...this.#node(field, depth));
      else rest.push(field.whole);
    }
    return [...first, ...rest];
  }

  /** A constant that stays as it is; where it lay in another file it moves in, so that the result is one file. */
  #kept(field: WireField): Pieces {
    const tensor = fieldsOf(field.content);
    if (externalDataOf(tensor) === undefined) return [field.whole];
    const own = tensor.filter(({ id }) => id !== TENSOR.externalData && id !== TENSOR.dataLocation);
    const bytes = bytesField(TENSOR.rawData, tensorBytes(tensor, this.#directory));
    return bytesField(GRAPH.initializer, [...own.map(({ whole }) => whole), ...bytes]);
  }

  #node(field: WireField, depth: number): Pieces {
    const node = nodeOf(field.content);
    const constant = node.op === "Constant" ? this.#plan.get(node.outputs[0] ?? "") : undefined;
    if (constant !== undefined) return this.#constants(constant);
    const product = this.#plan.get(node.inputs[1] ?? "");
    if (product?.isDynamic === true) return this.#product(node, product.name);
    return this.#withinNode(field, node, depth);
  }

  /** A node as it is, but for the graphs within it. */
  #withinNode(field: WireField, { fields }: OnnxNode, depth: number): Pieces {
    const hasGraph = ({ content }: WireField) =>
      fieldsOf(content).some(({ id }) => id === ATTRIBUTE.graph || id === ATTRIBUTE.graphs);
    if (!fields.some((part) => part.id === NODE.attribute && hasGraph(part))) return [field.whole];
    const rewritten = fields.flatMap((part) => {
      if (part.id !== NODE.attribute || !hasGraph(part)) return [part.whole];
      const attribute = fieldsOf(part.content).flatMap((inner) =>
        inner.id === ATTRIBUTE.graph || inner.id === ATTRIBUTE.graphs
          ? bytesField(inner.id, this.graph(inner.content, depth + 1))
          : [inner.whole],
      );
      return bytesField(NODE.attribute, attribute);
    });
    return bytesField(GRAPH.node, rewritten);
  }

  /** The integers, their scales, and where operators compute in floats what gives the weight under its own name. */
  #constants(planned: PlannedWeight): Pieces {
    const { name, shape, axis, isDynamic } = planned;
    const { values } = readFloatTensor(this.#weights.get(name)?.tensor ?? [], this.#directory);
    const levelMax = isDynamic ? PRODUCT_LEVEL_MAX : LEVEL_MAX;
    const quantized = quantizeValues(values, { shape, axis, levelMax });
    if (quantized === undefined) throw notFinite(name);
    this.weights += 1;
    this.floatBytes += values.byteLength;
    const { scales } = quantized;
    const { integers, scale, floats } = namesOf(name);
    if (isDynamic) {
      const [rows = 0, columns = 0] = shape;
      const matrix = axis === 1 ? quantized.values : transposed(quantized.values, rows, columns);
      return [
        ...constantField(integers, axis === 1 ? shape : [columns, rows], matrix),
        ...constantField(scale, [scales.length], scales),
      ];
    }
    const spread = shape.map((size, at) => (at === axis ? size : 1));
    // Not DequantizeLinear: onnxruntime keeps that for the run, but computes these two once, when it loads the model.
    return [
      ...constantField(integers, shape, quantized.values),
      ...constantField(scale, spread, scales),
      ...nodeField({ op: "Cast", inputs: [integers], output: floats, attributes: [intAttribute("to", ELEMENT.float)] }),
      ...nodeField({ op: "Mul", inputs: [floats, scale], output: name }),
    ];
  }

  /** x · w as onnxruntime knows it from its own quantiser, so that it is fused into one operator where there is one. */
  #product({ inputs, outputs, op }: OnnxNode, weight: string): Pieces {
    this.products += 1;
    const { integers, scale } = namesOf(weight);
    const [x = "", , bias = ""] = inputs;
    const [y = ""] = outputs;
    const own = (part: string) => `${y}_int8_${part}`;
    const hasBias = op === "Gemm" && bias !== "";
    return [
      ...nodeField({
        op: "DynamicQuantizeLinear",
        inputs: [x],
        output: [own("x"), own("x_scale"), own("x_zero")],
      }),
      ...nodeField({ op: "MatMulInteger", inputs: [own("x"), integers, own("x_zero")], output: own("sum") }),
      ...nodeField({
        op: "Cast",
        inputs: [own("sum")],
        output: own("float"),
        attributes: [intAttribute("to", ELEMENT.float)],
      }),
      ...nodeField({ op: "Mul", inputs: [own("x_scale"), scale], output: own("scale") }),
      ...nodeField({ op: "Mul", inputs: [own("float"), own("scale")], output: hasBias ? own("product") : y }),
      ...(hasBias ? nodeField({ op: "Add", inputs: [own("product"), bias], output: y }) : []),
    ];
  }
}

function namesOf(weight: string) {
  return { integers: `${weight}_int8`, scale: `${weight}_int8_scale`, floats: `${weight}_int8_float` };
}

/** The name under which a field of a graph defines a value that may be a weight. */
function definedBy({ id, content }: WireField): string {
  if (id === GRAPH.initializer) return textOf(lastOf(fieldsOf(content), TENSOR.name));
  return id === GRAPH.input ? textOf(lastOf(fieldsOf(content), 1)) : "";
}

function requireOpset(opset: number, mode: QuantizationMode): void {
  const least = mode === "dynamic" ? DYNAMIC_OPSET_MIN : OPSET_MIN;
  if (opset >= least) return;
  throw new FerryError(
    "optimize-opset",
    `The model is written in version ${opset} of the operators; int8 ${mode} needs ${least} or newer`,
    {
      hint:
        mode === "dynamic"
          ? "Try --int8 weights, or export the model with a newer opset."
          : "Export it with a newer opset.",
    },
  );
}

function nothingToDo({ left }: QuantizationPlan): FerryError {
  const reasons = [...left.keys()].slice(0, 3).join("; ");
  return new FerryError(
    "optimize-nothing",
    `The model has no float32 weights that int8 could hold${reasons === "" ? "" : `: ${reasons}`}`,
    {
      hint: "Models in half precision, of trees, or quantised already stay as they are.",
    },
  );
}

function notFinite(name: string): FerryError {
  return new FerryError("optimize-nothing", `The weight "${name}" has values that are no finite numbers`, {
    hint: "The model would answer nonsense for some inputs: train or export it again.",
  });
}
