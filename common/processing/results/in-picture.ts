import type { Placement } from "../frame-picture.ts";
import type { Corners } from "./scores.ts";

/** From the model's frame to the picture that was sent, cut at its edges; as they are where no picture was sent. */
export function inPicture(corners: Corners, placement: Placement | undefined): Corners {
  if (placement === undefined) return rounded(corners);
  const { left, top, scaleX, scaleY, pictureWidth, pictureHeight } = placement;
  const x = (value: number) => Math.min(pictureWidth, Math.max(0, (value - left) / scaleX));
  const y = (value: number) => Math.min(pictureHeight, Math.max(0, (value - top) / scaleY));
  return rounded([x(corners[0]), y(corners[1]), x(corners[2]), y(corners[3])]);
}

/** A hundredth of a pixel is more than any model knows. */
function rounded([left, top, right, bottom]: Corners): Corners {
  const short = (value: number) => Math.round(value * 100) / 100;
  return [short(left), short(top), short(right), short(bottom)];
}
