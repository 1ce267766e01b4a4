import { VARIANTS_MAX, type Variant } from "../../protocol/bundle/variants.ts";

/**
 * Of the ONNX files of a directory those that are named after the model: beside `model.onnx`, `model.fp16.onnx` and
 * `model-int8.onnx` are its variants `fp16` and `int8`. As many as a bundle may have, in the order of their names.
 */
export function findVariants(file: string, onnxFiles: readonly string[]): Variant[] {
  const stem = file.replace(/\.onnx$/i, "");
  return onnxFiles
    .flatMap((other) => {
      const rest = other.startsWith(stem) ? other.slice(stem.length) : "";
      const [, name] = /^[._-]([a-z0-9][a-z0-9-]{0,31})\.onnx$/i.exec(rest) ?? [];
      return name === undefined || name === "default" ? [] : [{ name: name.toLowerCase(), file: other }];
    })
    .filter(({ name }, at, all) => all.findIndex((other) => other.name === name) === at)
    .slice(0, VARIANTS_MAX);
}
