/** Holds what a model computed against what its publisher expects, and says in a sentence where they differ. */
import { ProtocolError } from "../protocol-error.ts";
import { elementsIn } from "../tensor-elements.ts";
import { tensorFromValues } from "../tensor-values.ts";
import type { Tensor } from "../tensor.ts";
import type { GoldenTensor, Tolerance } from "./golden.ts";

/**
 * The tensor that a golden case describes; `bytesOf` gives the bytes of a file in the bundle. Throws a ProtocolError
 * that names the tensor.
 */
export function tensorOfGolden(golden: GoldenTensor, bytesOf: (file: string) => Uint8Array): Tensor {
  const { name, datatype, shape, values, file } = golden;
  if ((values === undefined) === (file === undefined)) {
    throw new ProtocolError("SCHEMA", "golden set", `tensor "${name}" must have values or a file, and not both`);
  }
  if (file === undefined) return tensorFromValues({ name, datatype, shape }, values);
  const tensor = { name, datatype, shape, bytes: bytesOf(file) };
  elementsIn(tensor);
  return tensor;
}

/**
 * The first difference beyond the tolerance, as a sentence for people; undefined where every expected output is met.
 * Outputs that the case does not name are not looked at. Throws a ProtocolError for a tensor that does not fit its shape.
 */
export function goldenDifference(
  caseName: string,
  expected: readonly Tensor[],
  actual: readonly Tensor[],
  tolerance: Tolerance,
): string | undefined {
  for (const wanted of expected) {
    const got = actual.find((tensor) => tensor.name === wanted.name);
    const difference = got === undefined ? "the model did not give it" : tensorDifference(wanted, got, tolerance);
    if (difference !== undefined) return `output "${wanted.name}" differs for golden case "${caseName}": ${difference}`;
  }
  return undefined;
}

function tensorDifference(expected: Tensor, actual: Tensor, tolerance: Tolerance): string | undefined {
  if (actual.datatype !== expected.datatype) return `its datatype is ${actual.datatype}, expected ${expected.datatype}`;
  if (String(actual.shape) !== String(expected.shape)) {
    return `its shape is [${actual.shape.join(", ")}], expected [${expected.shape.join(", ")}]`;
  }
  const wanted = elementsIn(expected);
  const got = elementsIn(actual);
  for (let at = 0; at < wanted.length; at += 1) {
    const difference = elementDifference(wanted[at], got[at], tolerance);
    if (difference !== undefined) return `element ${at} is ${difference}`;
  }
  return undefined;
}

type Element = number | bigint | Uint8Array | undefined;

/** Numbers within the tolerance are equal, and so are two NaN, two equal infinities and two equal byte strings. */
function elementDifference(expected: Element, actual: Element, tolerance: Tolerance): string | undefined {
  if (Object.is(actual, expected)) return undefined;
  if (expected instanceof Uint8Array || actual instanceof Uint8Array) {
    return textOf(actual) === textOf(expected) ? undefined : `${textOf(actual)}, expected ${textOf(expected)}`;
  }
  const wanted = Number(expected);
  const margin = tolerance.absolute + tolerance.relative * Math.abs(wanted);
  if (Number.isFinite(wanted) && Math.abs(Number(actual) - wanted) <= margin) return undefined;
  return `${short(actual)}, expected ${short(expected)}${Number.isFinite(margin) ? ` ± ${short(margin)}` : ""}`;
}

/** Seven digits tell any two float32 apart that a tolerance would. */
function short(value: number | bigint | undefined): string {
  return typeof value === "number" ? String(Number(value.toPrecision(7))) : String(value);
}

/** latin1 maps each byte to one character, so equal texts are equal bytes. */
function textOf(element: Element): string {
  return JSON.stringify(element instanceof Uint8Array ? Buffer.from(element).toString("latin1") : String(element));
}
