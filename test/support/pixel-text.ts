/** Text as a picture, by a font of 5 × 7 dots that stands here: so that a test of reading needs no file and no font of the machine. */
import type { Picture } from "../../common/processing/picture.ts";
import { resample } from "../../common/processing/resample.ts";
import { drawn } from "./pictures.ts";

/** Rows from top to bottom, the highest of five bits on the left. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  A: [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
  D: [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110],
  E: [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
  F: [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000],
  H: [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
  L: [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
  O: [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
  R: [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
  T: [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
  W: [0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001],
  Y: [0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100],
};
const [GLYPH_WIDTH, GLYPH_HEIGHT, ADVANCE] = [5, 7, 6];

/** Where a line stands, in dots. */
export interface TextLine {
  readonly text: string;
  readonly left: number;
  readonly top: number;
}

/** Black on white, `scale` pixels a dot, edges as soft as those of a photograph. */
export function textPicture(width: number, height: number, scale: number, lines: readonly TextLine[]): Picture {
  const dots = drawn(width, height, (x, y) => (lines.some((line) => isInk(line, x, y)) ? [0, 0, 0] : [255, 255, 255]));
  const sharp = resample(dots, width * scale * 2, height * scale * 2, "nearest");
  return resample(sharp, width * scale, height * scale, "antialiased");
}

function isInk({ text, left, top }: TextLine, x: number, y: number): boolean {
  const [column, row] = [x - left, y - top];
  if (column < 0 || row < 0 || row >= GLYPH_HEIGHT || column % ADVANCE >= GLYPH_WIDTH) return false;
  const glyph = GLYPHS[text[Math.floor(column / ADVANCE)] ?? ""];
  return (((glyph?.[row] ?? 0) >> (GLYPH_WIDTH - 1 - (column % ADVANCE))) & 1) === 1;
}
