import type { Picture } from "../../common/processing/picture.ts";
import { drawn } from "./pictures.ts";

/** Of 64 dots of 0 to 16: twenty pixels a dot. */
export function digitPicture(pixels: readonly number[]): Picture {
  return drawn(160, 160, (x, y) => {
    const level = ((pixels[Math.floor(y / 20) * 8 + Math.floor(x / 20)] ?? 0) * 255) / 16;
    return [level, level, level];
  });
}
