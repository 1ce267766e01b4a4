/** A decoded picture: rows from top to bottom, three bytes a pixel (red, green, blue), nothing between rows. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export const CHANNELS = 3;
