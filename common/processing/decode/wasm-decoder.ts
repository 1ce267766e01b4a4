/** Decoding by mozjpeg and Rust's png crate in WebAssembly: no native code, so nothing that is not on every machine. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { packagedProgram } from "../../packaged-program.ts";
import { CHANNELS, type Picture, type PictureDecoder } from "../picture.ts";

interface DecodedImage {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** What the two modules make their results with; only browsers have it. */
class ImageData implements DecodedImage {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

export async function openWasmDecoder(): Promise<PictureDecoder> {
  Object.assign(globalThis, { ImageData });
  const jpeg = await import("@jsquash/jpeg/decode.js");
  const png = await import("@jsquash/png/decode.js");
  const wasmBinary = await readModule("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm");
  await png.init(await readModule("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"));
  let isJpegReady = false;
  let warnings: string[] = [];

  async function decodeJpeg(bytes: Uint8Array): Promise<DecodedImage> {
    // A file that it cannot decode ends the program that it was compiled from: the next one gets a fresh one.
    if (!isJpegReady) await jpeg.init({ wasmBinary, printErr: (line: string) => void warnings.push(line) });
    isJpegReady = false;
    warnings = [];
    const image = (await jpeg.default(exactBuffer(bytes))) as DecodedImage;
    isJpegReady = true;
    // It fills what is missing with gray, which is not what was photographed.
    if (warnings.length > 0) throw new Error(warnings.join("; "));
    return image;
  }

  return async (bytes, format) => {
    if (format === "jpeg") return withoutAlpha(await decodeJpeg(bytes));
    return withoutAlpha((await png.default(exactBuffer(bytes))) as DecodedImage);
  };
}

async function readModule(specifier: string): Promise<ArrayBuffer> {
  const packaged = packagedProgram();
  return exactBuffer(packaged?.file(specifier) ?? (await readFile(createRequire(import.meta.url).resolve(specifier))));
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

function withoutAlpha({ data, width, height }: DecodedImage): Picture {
  const colour = new Uint8Array(width * height * CHANNELS);
  for (let from = 0, to = 0; to < colour.length; from += 4, to += CHANNELS) {
    colour[to] = data[from] ?? 0;
    colour[to + 1] = data[from + 1] ?? 0;
    colour[to + 2] = data[from + 2] ?? 0;
  }
  return { width, height, data: colour };
}
