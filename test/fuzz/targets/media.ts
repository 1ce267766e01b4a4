/** Files of pictures, sounds and arrays, as clients and golden sets have them; and the forms that they come in. */
import { fileOfForm } from "../../../agent/serve/form-file.ts";
import { HttpError } from "../../../agent/serve/http-answer.ts";
import { isJpeg, isPng, readPictureHeader } from "../../../common/processing/decode/picture-header.ts";
import { readNpy } from "../../../common/processing/decode/read-npy.ts";
import { readWav } from "../../../common/processing/decode/read-wav.ts";
import { mediaOf } from "../../../common/processing/media-of.ts";
import { ProcessingError } from "../../../common/processing/processing-error.ts";
import { elementCount } from "../../../protocol/tensor.ts";
import { pictureDigits } from "../../support/model-folders.ts";
import { npy } from "../../support/npy.ts";
import { jpeg, photograph, png } from "../../support/pictures.ts";
import { wav } from "../../support/sounds.ts";
import { BrokenClaim, type FuzzTarget } from "../fuzz-target.ts";

const isRefusal = (thrown: unknown) => thrown instanceof ProcessingError;
const SECONDS_MAX = 10;
const { model } = pictureDigits();

export const MEDIA_TARGETS: readonly FuzzTarget[] = [
  {
    name: "picture-header",
    grammar: "bytes",
    seeds: async () => [
      png(photograph(5, 3)),
      await jpeg(photograph(16, 8)),
      await jpeg(photograph(16, 8), { orientation: 6, progressive: true }),
    ],
    words: [
      "\u00ff\u00d8",
      "\u00ff\u00c0",
      "\u00ff\u00c2",
      "\u00ff\u00e1",
      "Exif\u0000\u0000",
      "II*\u0000",
      "IHDR",
      "\u0001\u0012",
    ],
    decode: (input) => {
      const { format, width, height, orientation } = readPictureHeader(input);
      if (format === "png" ? !isPng(input) : !isJpeg(input))
        throw new BrokenClaim("the format is not that of the mark");
      const isPicture = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
      if (!isPicture) throw new BrokenClaim(`${width} × ${height} pixels`);
      if (!(orientation >= 1 && orientation <= 8)) throw new BrokenClaim(`orientation ${orientation}`);
    },
    isRefusal,
  },
  {
    name: "npy",
    grammar: "bytes",
    seeds: () => [
      npy("<f4", "1, 3", Buffer.alloc(12)),
      npy("|u1", "2, 2, 3", Buffer.alloc(12)),
      npy("<i8", "", Buffer.alloc(8), { version: 2 }),
    ],
    words: ["'descr':", "'shape':", "(", ")", ", ", "'<f8'", "|b1", "99999999999", "True", "\u0093NUMPY"],
    decode: (input) => {
      const { shape } = readNpy(input);
      if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
        throw new BrokenClaim(`shape ${String(shape)}`);
      if (!Number.isSafeInteger(elementCount(shape)))
        throw new BrokenClaim(`${String(shape)} has no count of elements`);
      const media = mediaOf(input, model);
      if (media?.kind !== "picture") return;
      const { width, height, data } = media.picture;
      if (data.byteLength !== width * height * 3) throw new BrokenClaim("the levels are not those of the pixels");
    },
    isRefusal,
  },
  {
    name: "wav",
    grammar: "bytes",
    seeds: () => [
      wav([0, 0.5, -0.5, 1]),
      wav([0, 0.5, -0.5, 1], { channels: 2, coding: "pcm24", extensible: true }),
      wav([0, 0.5], { coding: "float64", sampleRate: 8_000 }),
    ],
    words: ["RIFF", "WAVE", "fmt ", "data", "LIST", "\u00fe\u00ff", "\u00ff\u00ff\u00ff\u00ff"],
    decode: (input) => {
      const { sampleRate, samples } = readWav(input, SECONDS_MAX);
      if (samples.length === 0 || samples.length > SECONDS_MAX * sampleRate)
        throw new BrokenClaim("the length is none");
      if (!samples.every((sample) => Number.isFinite(sample))) throw new BrokenClaim("a sample is no number");
    },
    isRefusal,
  },
  {
    name: "form",
    grammar: "bytes",
    seeds: () => [
      Buffer.from(
        '--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nbytes\r\n--x--\r\n',
      ),
    ],
    words: ["--x", "--x--", "\r\n\r\n", "\r\n--x\r\n", "; filename="],
    decode: (input) => {
      const file = fileOfForm(input, "multipart/form-data; boundary=x");
      if (Buffer.from(file).includes("\r\n--x")) throw new BrokenClaim("the file goes beyond its part");
    },
    isRefusal: (thrown) => thrown instanceof HttpError && thrown.status === 400,
  },
];
