/** Connected regions of a probability map, as differentiable binarization reads text lines (Liao et al., 2020, 3.5). */
import { numberOf, type ParameterValues } from "../../../protocol/bundle/parameters.ts";
import type { RegionsResult } from "../../../protocol/bundle/postprocessing.ts";
import { RESULTS_MAX, type Box } from "../../../protocol/prediction-results.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { Placement } from "../frame-picture.ts";
import { ProcessingError } from "../processing-error.ts";
import { inPicture } from "./in-picture.ts";
import { numbersIn, outputNamed, shortScore, type Corners } from "./scores.ts";

const SIDE_MIN = 3;

/** From top to bottom, then from left to right, as one reads. Throws ProcessingError. */
export function findRegions(
  entry: RegionsResult,
  outputs: readonly Tensor[],
  inForce: ParameterValues,
  placement: Placement | undefined,
): Box[] {
  const output = outputNamed(outputs, entry.output);
  const [height, width] = output.shape.slice(-2);
  if (height === undefined || width === undefined || output.shape.slice(0, -2).some((dimension) => dimension !== 1)) {
    throw new ProcessingError("bad-output", `The output "${entry.output}" [${output.shape.join(", ")}] is no map`);
  }
  const number = (value: RegionsResult["threshold"]) => numberOf(value, inForce);
  const scoreMin = number(entry.scoreThreshold);
  const sideMin = number(entry.sideMin ?? SIDE_MIN);
  const grow = number(entry.grow ?? 0);
  const most = Math.min(RESULTS_MAX, Math.max(0, Math.round(number(entry.most ?? RESULTS_MAX))));
  return connectedRegions(numbersIn(output), width, height, number(entry.threshold))
    .filter(({ right, left, bottom, top }) => Math.min(right - left, bottom - top) >= sideMin)
    .map((region) => ({ score: region.sum / region.pixels, corners: grown(region, grow) }))
    .filter(({ score }) => score >= scoreMin)
    .sort((one, other) => one.corners[1] - other.corners[1] || one.corners[0] - other.corners[0])
    .slice(0, most)
    .map(({ score, corners }) => ({
      score: shortScore(score),
      box: inPicture(scaledToFrame(corners, width, height, placement), placement),
    }));
}

interface Region {
  left: number;
  top: number;
  /** One beyond the last pixel, as all boxes here. */
  right: number;
  bottom: number;
  pixels: number;
  sum: number;
}

/** Pixels that touch, also at a corner, belong together. */
function connectedRegions(map: Float64Array, width: number, height: number, threshold: number): Region[] {
  const isSeen = new Uint8Array(map.length);
  const regions: Region[] = [];
  const open: number[] = [];
  for (let start = 0; start < map.length; start += 1) {
    if (isSeen[start] === 1 || (map[start] ?? 0) < threshold) continue;
    const region: Region = { left: width, top: height, right: 0, bottom: 0, pixels: 0, sum: 0 };
    isSeen[start] = 1;
    open.push(start);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [x, y] = [at % width, Math.floor(at / width)];
      take(region, x, y, map[at] ?? 0);
      for (let nextY = Math.max(0, y - 1); nextY <= Math.min(height - 1, y + 1); nextY += 1) {
        for (let nextX = Math.max(0, x - 1); nextX <= Math.min(width - 1, x + 1); nextX += 1) {
          const next = nextY * width + nextX;
          if (isSeen[next] === 1 || (map[next] ?? 0) < threshold) continue;
          isSeen[next] = 1;
          open.push(next);
        }
      }
    }
    regions.push(region);
  }
  return regions;
}

function take(region: Region, x: number, y: number, value: number): void {
  region.left = Math.min(region.left, x);
  region.top = Math.min(region.top, y);
  region.right = Math.max(region.right, x + 1);
  region.bottom = Math.max(region.bottom, y + 1);
  region.pixels += 1;
  region.sum += value;
}

/** The map's core is what is left of a text line after it was shrunk by area × (1 − r²) ÷ perimeter: the way back. */
function grown({ left, top, right, bottom }: Region, ratio: number): Corners {
  const [width, height] = [right - left, bottom - top];
  const by = (width * height * ratio) / (2 * (width + height));
  return [left - by, top - by, right + by, bottom + by];
}

/** Some models give a map smaller than the frame. */
function scaledToFrame(corners: Corners, width: number, height: number, placement: Placement | undefined): Corners {
  if (placement === undefined) return corners;
  const [x, y] = [placement.frameWidth / width, placement.frameHeight / height];
  return [corners[0] * x, corners[1] * y, corners[2] * x, corners[3] * y];
}
