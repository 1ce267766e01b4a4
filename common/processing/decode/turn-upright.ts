import { CHANNELS, type Picture } from "../picture.ts";

/** A camera stores what its sensor saw and says how it was held (EXIF 2.3, tag 274): as viewers do, it is turned here. */
export function turnUpright(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const { width, height, data } = picture;
  const isOnItsSide = orientation >= 5;
  const [newWidth, newHeight] = isOnItsSide ? [height, width] : [width, height];
  const turned = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < newHeight; y += 1) {
    for (let x = 0; x < newWidth; x += 1, to += CHANNELS) {
      const [fromX, fromY] = isOnItsSide
        ? sideways(orientation, x, y, width, height)
        : flipped(orientation, x, y, width, height);
      const from = (fromY * width + fromX) * CHANNELS;
      turned[to] = data[from] ?? 0;
      turned[to + 1] = data[from + 1] ?? 0;
      turned[to + 2] = data[from + 2] ?? 0;
    }
  }
  return { width: newWidth, height: newHeight, data: turned };
}

/** 2: mirrored; 3: upside down; 4: both. */
function flipped(orientation: number, x: number, y: number, width: number, height: number): [number, number] {
  const fromX = orientation === 4 ? x : width - 1 - x;
  const fromY = orientation === 2 ? y : height - 1 - y;
  return [fromX, fromY];
}

/** 5: mirrored over the diagonal; 6: to be turned right; 7: over the other diagonal; 8: to be turned left. */
function sideways(orientation: number, x: number, y: number, width: number, height: number): [number, number] {
  const fromX = orientation === 5 || orientation === 6 ? y : width - 1 - y;
  const fromY = orientation === 5 || orientation === 8 ? x : height - 1 - x;
  return [fromX, fromY];
}
