/** Several files of one model in one bundle: the same function in other precisions, of which each device takes the fastest. */
import { Type, type Static } from "typebox";
import { ProtocolError } from "../protocol-error.ts";
import { closedObject } from "../schema.ts";
import { BundlePathText } from "./bundle-path-text.ts";
import { Tolerance } from "./golden.ts";

/** Beside the default file: each is measured on the device before it serves, for some seconds. */
export const VARIANTS_MAX = 5;
/** What the default file is called where variants are told apart. */
export const DEFAULT_VARIANT = "default";

/** Hardware classes, such as `linux-arm64` or `jetson`; `*` for any. */
export const Compatible = Type.Array(Type.String({ pattern: "^(\\*|[a-z0-9][a-z0-9-]{0,62})$" }), {
  minItems: 1,
  maxItems: 64,
});

/** Execution providers in the order in which to try them; `cpu` is always the last resort. */
export const Providers = Type.Array(Type.String({ pattern: "^[a-z]{2,32}$" }), { maxItems: 8 });

export const Variant = closedObject({
  /** `fp16`, `int8`; unique in the bundle, and not `default`. */
  name: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,31}$" }),
  /** An ONNX file with the inputs and outputs of the default one. */
  file: BundlePathText,
  /** Only devices of one of these classes look at it; absent: every device of the bundle. */
  compatible: Type.Optional(Compatible),
  /** Instead of the bundle's. */
  providers: Type.Optional(Providers),
  /** Instead of the golden set's: fewer bits compute less exactly, and how much is good enough the publisher signs. */
  tolerance: Type.Optional(Tolerance),
});
export type Variant = Static<typeof Variant>;

export const Variants = Type.Array(Variant, { minItems: 1, maxItems: VARIANTS_MAX });

/** The default file first, then the others as `model.json` has them. */
export function allVariants(model: {
  readonly file: string;
  readonly variants?: readonly Variant[];
}): readonly Variant[] {
  return [{ name: DEFAULT_VARIANT, file: model.file }, ...(model.variants ?? [])];
}

/** Throws SCHEMA where a name stands twice, or is that of the default file. */
export function checkVariants(model: { readonly file: string; readonly variants?: readonly Variant[] }): void {
  const names = allVariants(model).map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice === undefined) return;
  const why = twice === DEFAULT_VARIANT ? `is the name of the default file` : `stands twice`;
  throw new ProtocolError("SCHEMA", "model.json", `/variants: the name "${twice}" ${why}`);
}
