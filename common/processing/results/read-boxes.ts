/** Candidates as detection models give them → the boxes of the picture. */
import { numberOf, type ParameterValues } from "../../../protocol/bundle/parameters.ts";
import type { BoxesResult } from "../../../protocol/bundle/postprocessing.ts";
import { RESULTS_MAX, type Box } from "../../../protocol/prediction-results.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { unreachable } from "../../../protocol/unreachable.ts";
import type { Placement } from "../frame-picture.ts";
import { ProcessingError } from "../processing-error.ts";
import { inPicture } from "./in-picture.ts";
import { activated, numbersIn, outputNamed, shortScore, type Corners } from "./scores.ts";
import { suppressOverlaps, type Candidate } from "./suppress-overlaps.ts";

/** As many as detectors are trained to tell apart in one picture. */
const BOXES_COUNT = 300;
/** Candidates that are held against each other, the best first: what has so many good ones has found nothing. */
const CANDIDATES_MAX = 10_000;

/** The best first. Throws ProcessingError where the outputs are not what `entry` says. */
export function readBoxes(
  entry: BoxesResult,
  outputs: readonly Tensor[],
  labels: readonly string[],
  inForce: ParameterValues,
  placement: Placement | undefined,
): Box[] {
  const threshold = numberOf(entry.threshold, inForce);
  const most = Math.min(RESULTS_MAX, Math.max(0, Math.round(numberOf(entry.most ?? BOXES_COUNT, inForce))));
  const candidates = candidatesIn(entry, outputs, threshold, frameOf(entry, placement))
    .sort((one, other) => other.score - one.score)
    .slice(0, CANDIDATES_MAX);
  const kept =
    entry.iouThreshold === undefined
      ? candidates.slice(0, most)
      : suppressOverlaps(candidates, {
          iouThreshold: numberOf(entry.iouThreshold, inForce),
          acrossClasses: entry.acrossClasses ?? false,
          most,
        });
  return kept.map(({ index, score, box }) => ({
    label: labels[index] ?? String(index),
    index,
    score: shortScore(score),
    box: inPicture(box, placement),
  }));
}

/** What a share of the frame is in pixels; 1 where no picture was sent, so that shares stay shares. */
function frameOf({ unit }: BoxesResult, placement: Placement | undefined): readonly [number, number] {
  return unit === "pixels" || placement === undefined ? [1, 1] : [placement.frameWidth, placement.frameHeight];
}

function candidatesIn(
  entry: BoxesResult,
  outputs: readonly Tensor[],
  threshold: number,
  [width, height]: readonly [number, number],
): Candidate[] {
  const table = tableOf(outputNamed(outputs, entry.output), entry.arrangement, LEAST_VALUES[entry.values]);
  const scores =
    entry.scores === undefined ? undefined : tableOf(outputNamed(outputs, entry.scores), entry.arrangement, 1);
  if (scores !== undefined && scores.rows !== table.rows) {
    throw new ProcessingError(
      "bad-output",
      `"${entry.output}" has ${table.rows} boxes, "${entry.scores ?? ""}" ${scores.rows}`,
    );
  }
  const found: Candidate[] = [];
  for (let row = 0; row < table.rows; row += 1) {
    const best = bestClass(entry, table, scores, row);
    if (best.score < threshold) continue;
    const [a, b, c, d] = [table.at(row, 0), table.at(row, 1), table.at(row, 2), table.at(row, 3)];
    const [left, top, right, bottom] = cornersOf(entry.coordinates, a, b, c, d);
    found.push({ ...best, box: [left * width, top * height, right * width, bottom * height] });
  }
  return found;
}

/** Values that a row has at least. */
const LEAST_VALUES: Readonly<Record<BoxesResult["values"], number>> = {
  scores: 5,
  "objectness-scores": 6,
  "score-class": 6,
  none: 4,
};

interface Table {
  readonly rows: number;
  readonly columns: number;
  readonly at: (row: number, column: number) => number;
}

function tableOf(output: Tensor, arrangement: BoxesResult["arrangement"], columnsMin: number): Table {
  const [first = 1, second = 1, ...more] = lastTwo(output);
  const [rows, columns] = arrangement === "rows" ? [first, second] : [second, first];
  if (more.length > 0 || columns < columnsMin) {
    throw new ProcessingError(
      "bad-output",
      `The output "${output.name}" [${output.shape.join(", ")}] has no ${arrangement} of at least ${columnsMin} values`,
    );
  }
  const values = numbersIn(output);
  const at =
    arrangement === "rows"
      ? (row: number, column: number) => row * columns + column
      : (row: number, column: number) => column * rows + row;
  return { rows, columns, at: (row, column) => values[at(row, column)] ?? 0 };
}

/** The last two dimensions, and whatever of the others is not 1. */
function lastTwo({ shape }: Tensor): readonly number[] {
  const around = shape.slice(0, -2).filter((dimension) => dimension !== 1);
  return shape.length < 2 ? [1, ...shape] : [...shape.slice(-2), ...around];
}

function bestClass(
  entry: BoxesResult,
  table: Table,
  scores: Table | undefined,
  row: number,
): { index: number; score: number } {
  const { values, activation, hasBackground = false } = entry;
  if (values === "score-class") {
    return {
      score: activate(table.at(row, 4), activation),
      index: Math.max(0, Math.round(table.at(row, 5)) - Number(hasBackground)),
    };
  }
  const source = scores ?? table;
  const first = scores !== undefined ? 0 : values === "objectness-scores" ? 5 : 4;
  const all = rowOf(source, row, first, activation);
  let index = Number(hasBackground);
  for (let at = index; at < all.length; at += 1) if ((all[at] ?? 0) > (all[index] ?? 0)) index = at;
  const score = all[index] ?? 0;
  const objectness = values === "objectness-scores" ? activate(table.at(row, 4), activation) : 1;
  return { index: index - Number(hasBackground), score: score * objectness };
}

function rowOf(table: Table, row: number, first: number, activation: BoxesResult["activation"]): Float64Array {
  const scores = Float64Array.from({ length: table.columns - first }, (_, at) => table.at(row, first + at));
  return activated(scores, activation);
}

/** A score that stands alone knows no softmax. */
function activate(score: number, activation: BoxesResult["activation"]): number {
  return activation === "sigmoid" ? 1 / (1 + Math.exp(-score)) : score;
}

function cornersOf(coordinates: BoxesResult["coordinates"], a: number, b: number, c: number, d: number): Corners {
  switch (coordinates) {
    case "xyxy":
      return [a, b, c, d];
    case "yxyx":
      return [b, a, d, c];
    case "cxcywh":
      return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
    case "xywh":
      return [a, b, a + c, b + d];
    default:
      return unreachable(coordinates);
  }
}
