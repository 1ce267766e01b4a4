/** A decoded picture: rows from top to bottom, three bytes a pixel (red, green, blue), nothing between rows. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export const CHANNELS = 3;

/** Decodes what has passed `readPictureHeader`, as it is stored. Rejects for damaged files. */
export type PictureDecoder = (bytes: Uint8Array, format: "jpeg" | "png") => Promise<Picture>;
