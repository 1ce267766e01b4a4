/** A picture in the model's frame, and the way back from the frame to the picture. */
import type { Resize, ResizeFilter } from "../../protocol/bundle/preprocessing.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { CHANNELS, type Picture } from "./picture.ts";
import { resample } from "./resample.ts";

/** A point of the frame lies at (x − left) ÷ scaleX, (y − top) ÷ scaleY of the picture that was sent. */
export interface Placement {
  readonly pictureWidth: number;
  readonly pictureHeight: number;
  readonly frameWidth: number;
  readonly frameHeight: number;
  readonly scaleX: number;
  readonly scaleY: number;
  readonly left: number;
  readonly top: number;
}

export interface FramedPicture {
  readonly picture: Picture;
  readonly placement: Placement;
}

export function framePicture(picture: Picture, resize: Resize, filter: ResizeFilter = "antialiased"): FramedPicture {
  const scaled = sizeWithin(picture, resize);
  const resized = resample(picture, scaled.width, scaled.height, filter);
  const frame = frameOf(resize, scaled);
  const placement: Placement = {
    pictureWidth: picture.width,
    pictureHeight: picture.height,
    frameWidth: frame.width,
    frameHeight: frame.height,
    scaleX: scaled.width / picture.width,
    scaleY: scaled.height / picture.height,
    left: frame.left,
    top: frame.top,
  };
  return { picture: placed(resized, frame, resize), placement };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The picture's size in the model's frame; what lies outside of the frame is cut off. */
function sizeWithin({ width, height }: Picture, resize: Resize): Size {
  switch (resize.mode) {
    case "stretch":
      return { width: resize.width, height: resize.height };
    case "letterbox":
      return scaledBy(Math.min(resize.width / width, resize.height / height), width, height);
    case "crop":
      return scaledBy(resize.shorterSide / Math.min(width, height), width, height);
    case "fit": {
      const { multipleOf = 1 } = resize;
      const fitting = scaledBy(Math.min(1, resize.width / width, resize.height / height), width, height);
      const toMultiple = (side: number) => Math.max(multipleOf, Math.round(side / multipleOf) * multipleOf);
      return { width: toMultiple(fitting.width), height: toMultiple(fitting.height) };
    }
    default:
      return unreachable(resize);
  }
}

function scaledBy(factor: number, width: number, height: number): Size {
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

interface Frame extends Size {
  /** Where the picture's upper left corner lies; negative where it is cut off. */
  readonly left: number;
  readonly top: number;
}

function frameOf(resize: Resize, scaled: Size): Frame {
  if (resize.mode === "fit" || resize.mode === "stretch") return { ...scaled, left: 0, top: 0 };
  const { width, height } = resize;
  if (resize.mode === "letterbox" && resize.align === "top-left") return { width, height, left: 0, top: 0 };
  return {
    width,
    height,
    left: Math.trunc((width - scaled.width) / 2),
    top: Math.trunc((height - scaled.height) / 2),
  };
}

function placed(picture: Picture, frame: Frame, resize: Resize): Picture {
  const { width, height, left, top } = frame;
  if (picture.width === width && picture.height === height) return picture;
  const data = new Uint8Array(width * height * CHANNELS);
  const pad = resize.mode === "letterbox" ? resize.pad : undefined;
  if (pad !== undefined) for (let at = 0; at < data.length; at += CHANNELS) data.set(pad, at);
  const columns = Math.min(picture.width, width);
  for (let y = Math.max(0, top); y < Math.min(height, top + picture.height); y += 1) {
    const from = ((y - top) * picture.width + Math.max(0, -left)) * CHANNELS;
    const row = picture.data.subarray(from, from + columns * CHANNELS);
    data.set(row, (y * width + Math.max(0, left)) * CHANNELS);
  }
  return { width, height, data };
}
