/** Where a graph's weights are defined, and what uses each of them: what a rewrite decides upon. */
import { ATTRIBUTE, attributesOf, GRAPH, nodeOf, requireDepth, TENSOR, type OnnxNode } from "./onnx-file.ts";
import { fieldsOf, floatOf, intOf, lastOf, textOf, type WireField } from "./protobuf.ts";

export interface Weight {
  readonly name: string;
  readonly tensor: readonly WireField[];
  readonly uses: readonly WeightUse[];
}

export interface WeightUse {
  readonly node: OnnxNode;
  /** Which input of the node it is. */
  readonly at: number;
}

/**
 * The constants of a graph and of the graphs within it, by name. A graph within may use what an outer one defines, and no
 * name is given twice along the way (ONNX IR, "Graphs"). Constants that a caller may replace are inputs, not weights.
 */
export function weightsOf(graph: Uint8Array, irVersion: number): ReadonlyMap<string, Weight> {
  const tensors = new Map<string, readonly WireField[]>();
  const uses = new Map<string, WeightUse[]>();
  walk(graph, 0);
  return new Map([...tensors].map(([name, tensor]) => [name, { name, tensor, uses: uses.get(name) ?? [] }]));

  function walk(content: Uint8Array, depth: number): void {
    requireDepth(depth);
    const fields = fieldsOf(content);
    const replaceable = irVersion >= FIRST_WITH_REPLACEABLE ? inputNames(fields) : new Set<string>();
    for (const field of fields) {
      if (field.id === GRAPH.initializer) {
        const tensor = fieldsOf(field.content);
        const name = textOf(lastOf(tensor, TENSOR.name));
        if (!replaceable.has(name)) tensors.set(name, tensor);
      } else if (field.id === GRAPH.node) visit(nodeOf(field.content), depth);
    }
  }

  function visit(node: OnnxNode, depth: number): void {
    const constant = constantOf(node);
    const [output] = node.outputs;
    if (constant !== undefined && output !== undefined) tensors.set(output, constant);
    for (const [at, name] of node.inputs.entries()) {
      const known = uses.get(name);
      if (known === undefined) uses.set(name, [{ node, at }]);
      else known.push({ node, at });
    }
    for (const attribute of attributesOf(node.fields)) {
      for (const { id, content } of attribute) {
        if (id === ATTRIBUTE.graph || id === ATTRIBUTE.graphs) walk(content, depth + 1);
      }
    }
  }
}

/** Since version 4 of the format an initializer that is also an input has a default, not a constant. */
const FIRST_WITH_REPLACEABLE = 4;

function inputNames(graph: readonly WireField[]): ReadonlySet<string> {
  return new Set(
    graph.filter(({ id }) => id === GRAPH.input).map(({ content }) => textOf(lastOf(fieldsOf(content), 1))),
  );
}

/** The tensor that a `Constant` gives; undefined for other nodes, and for the forms that hold no matrix. */
function constantOf({ op, domain, fields }: OnnxNode): readonly WireField[] | undefined {
  if (op !== "Constant" || domain !== "") return undefined;
  const value = attributesOf(fields).find((attribute) => textOf(lastOf(attribute, ATTRIBUTE.name)) === "value");
  const tensor = value === undefined ? undefined : lastOf(value, ATTRIBUTE.tensor);
  return tensor === undefined ? undefined : fieldsOf(tensor.content);
}

/** A number that a node carries; `otherwise` where it leaves it to the operator's default. */
export function numberAttribute({ fields }: OnnxNode, name: string, otherwise: number): number {
  const attribute = attributesOf(fields).find((candidate) => textOf(lastOf(candidate, ATTRIBUTE.name)) === name);
  if (attribute === undefined) return otherwise;
  const [int, float] = [lastOf(attribute, ATTRIBUTE.int), lastOf(attribute, ATTRIBUTE.float)];
  return int !== undefined ? intOf(int) : float !== undefined ? floatOf(float) : otherwise;
}
