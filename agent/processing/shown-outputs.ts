import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { interpretedOutputs } from "../../common/processing/results/interpret-outputs.ts";

/**
 * The tensors of an answer to a picture or a sound: those that were asked for, or those that no result tells of. Of a sound
 * in frames, what the model remembers is that of the last one; all else gets the frames as its first dimension.
 */
export function shownOutputs(
  { preprocessing = [], postprocessing }: ModelJson,
  frames: readonly (readonly Tensor[])[],
  wanted: readonly string[] | undefined,
): readonly Tensor[] {
  const [first = []] = frames;
  const last = frames.at(-1) ?? [];
  const told = interpretedOutputs(postprocessing);
  const names = wanted ?? last.map(({ name }) => name).filter((name) => !told.has(name));
  const isState = (name: string) => preprocessing.some((entry) => entry.kind === "state" && entry.output === name);
  return names.flatMap((name) => {
    if (frames.length === 1 || isState(name)) return last.find((tensor) => tensor.name === name) ?? [];
    const pieces = frames.flatMap((outputs) => outputs.find((tensor) => tensor.name === name) ?? []);
    const shape = first.find((tensor) => tensor.name === name)?.shape ?? [];
    return stacked(name, shape, pieces);
  });
}

/** Nothing where the frames gave tensors of different shapes: there is no tensor of them all. */
function stacked(name: string, shape: readonly number[], pieces: readonly Tensor[]): readonly Tensor[] {
  const [one] = pieces;
  if (one === undefined || pieces.some((piece) => String(piece.shape) !== String(shape))) return [];
  const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
  return [{ name, datatype: one.datatype, shape: [pieces.length, ...shape], bytes }];
}
