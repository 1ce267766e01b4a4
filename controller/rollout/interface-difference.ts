/** What a caller of one model would notice in another: the inputs and outputs compared, line by line. */
import type { TensorSpec } from "../../protocol/tensor.ts";

export interface ModelInterface {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

export interface InterfaceLine {
  /** As in a diff: ` ` in both, `-` only before, `+` only after. */
  readonly sign: " " | "-" | "+";
  readonly side: "input" | "output";
  readonly tensor: TensorSpec;
}

/** Empty where every call that the first model takes is taken by the second, with outputs of the shape promised. */
export function interfaceDifference(before: ModelInterface, after: ModelInterface): readonly InterfaceLine[] {
  const lines = [
    ...compare("input", before.inputs, after.inputs, takesAll),
    ...compare("output", before.outputs, after.outputs, (was, is) => takesAll(is, was)),
  ];
  return lines.some(({ sign }) => sign !== " ") ? lines : [];
}

/** `-input h FP32 [2,-1,64]` */
export function interfaceLineText({ sign, side, tensor }: InterfaceLine): string {
  return `${sign} ${side.padEnd(6)} ${tensor.name} ${tensor.datatype} [${tensor.shape.join(",")}]`;
}

type IsSafe = (before: TensorSpec, after: TensorSpec) => boolean;

function compare(
  side: InterfaceLine["side"],
  before: readonly TensorSpec[],
  after: readonly TensorSpec[],
  isSafe: IsSafe,
): InterfaceLine[] {
  const lines = before.flatMap((was): InterfaceLine[] => {
    const is = after.find(({ name }) => name === was.name);
    if (is === undefined) return [{ sign: "-", side, tensor: was }];
    if (isSafe(was, is)) return [{ sign: " ", side, tensor: is }];
    return [
      { sign: "-", side, tensor: was },
      { sign: "+", side, tensor: is },
    ];
  });
  const added = after.filter((is) => !before.some(({ name }) => name === is.name));
  // An output more disturbs no caller; an input more breaks every one.
  return [...lines, ...added.map((tensor): InterfaceLine => ({ sign: side === "input" ? "+" : " ", side, tensor }))];
}

/** True where every shape of the narrow one is a shape of the wide one (-1 stands for any size). */
function takesAll(narrow: TensorSpec, wide: TensorSpec): boolean {
  return (
    narrow.datatype === wide.datatype &&
    narrow.shape.length === wide.shape.length &&
    wide.shape.every((dimension, at) => dimension === -1 || dimension === narrow.shape[at])
  );
}
