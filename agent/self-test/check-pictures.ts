import type { Log } from "../../common/log.ts";
import type { PreparingModel } from "../../common/processing/prepare-media.ts";
import { openProcessor } from "../processing/processor.ts";

export interface PictureFigures {
  readonly formats: readonly string[];
}

/** 8 × 8 pixels of one colour. */
const PICTURES = {
  png: "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAAEUlEQVQImWM4kWKEFTEMLQkAVkZXgSJQjOwAAAAASUVORK5CYII=",
  jpeg: "/9j/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAIAAgDAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAABP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/xAAVAQEBAAAAAAAAAAAAAAAAAAAHCP/EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/ACA9SD//2Q==",
} as const;
const COLOUR = [200, 100, 50] as const;
const SIDE = 8;

const MODEL: PreparingModel = {
  inputs: [{ name: "x", datatype: "UINT8", shape: [1, SIDE, SIDE, 3] }],
  preprocessing: [
    {
      kind: "picture",
      input: "x",
      resize: { mode: "stretch", width: SIDE, height: SIDE },
      colour: "rgb",
      layout: "nhwc",
    },
  ],
};

/** Decodes a picture of each format as the agent does, in a process of its own. Throws what the processor throws. */
export async function checkPictures(log: Log): Promise<PictureFigures> {
  await using processor = openProcessor({ log });
  for (const [format, base64] of Object.entries(PICTURES)) {
    const media = { kind: "file", bytes: Buffer.from(base64, "base64") } as const;
    const { frames } = await processor.prepare(media, MODEL);
    const [pixel] = frames.map(({ bytes }) => [...bytes.subarray(0, COLOUR.length)]);
    if (String(pixel) !== String(COLOUR))
      throw new Error(
        `the colour of a ${format.toUpperCase()} file is ${String(COLOUR)}, and was decoded as ${String(pixel)}`,
      );
  }
  return { formats: Object.keys(PICTURES) };
}
