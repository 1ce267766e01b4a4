/** Pictures for tests: drawn by a function, written as the files that clients send. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import type { Picture } from "../../common/processing/picture.ts";

type Colour = readonly [number, number, number];

export function drawn(width: number, height: number, at: (x: number, y: number) => Colour): Picture {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) data.set(at(x, y), (y * width + x) * 3);
  return { width, height, data };
}

/** Waves in one colour, edges in another, noise in the third: what photographs are made of. */
export function photograph(width: number, height: number): Picture {
  let noise = 1;
  return drawn(width, height, (x, y) => {
    noise = (noise * 48_271) % 2_147_483_647;
    const wave = 128 + 100 * Math.sin(x / 17 + y / 31);
    return [wave, 128 + 90 * Math.sin(x / 5 - y / 13), ((x >> 4) + (y >> 4)) % 2 === 0 ? 200 : noise % 60];
  });
}

/** One PNG chunk (PNG, 5.3). */
export function pngChunk(type: string, content: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + content.byteLength);
  chunk.writeUInt32BE(content.byteLength);
  chunk.write(type, 4, "latin1");
  chunk.set(content, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + content.byteLength)), 8 + content.byteLength);
  return chunk;
}

export const PNG_MARK = Buffer.from("\u0089PNG\r\n\u001a\n", "latin1");

/** Colour type 2: red, green, blue; 0: gray. */
export function pngHeader(width: number, height: number, colourType = 2): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, colourType], 8);
  return pngChunk("IHDR", header);
}

export function png({ width, height, data }: Picture): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1)
    rows.set(data.subarray(y * width * 3, (y + 1) * width * 3), y * (1 + width * 3) + 1);
  const end = pngChunk("IEND", Buffer.alloc(0));
  return Buffer.concat([PNG_MARK, pngHeader(width, height), pngChunk("IDAT", deflateSync(rows)), end]);
}

/** By mozjpeg; `orientation` puts an EXIF segment in front, as cameras do. */
export async function jpeg(
  picture: Picture,
  { quality = 85, orientation = 1, progressive = false } = {},
): Promise<Buffer> {
  const { width, height, data } = picture;
  encoder ??= openEncoder();
  const encode = await encoder;
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel += 1) rgba.set(data.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
  const bytes = Buffer.from(await encode({ data: rgba, width, height, colorSpace: "srgb" }, { quality, progressive }));
  return orientation === 1 ? bytes : Buffer.concat([bytes.subarray(0, 2), exif(orientation), bytes.subarray(2)]);
}

let encoder: ReturnType<typeof openEncoder> | undefined;

async function openEncoder() {
  const { default: encode, init } = await import("@jsquash/jpeg/encode.js");
  const file = await readFile(fileURLToPath(import.meta.resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm")));
  await init({ wasmBinary: Uint8Array.from(file).buffer });
  return encode;
}

/** APP1 with a TIFF directory of one tag, big-endian. */
function exif(orientation: number): Buffer {
  const tiff = Buffer.from("MM\0*\0\0\0\u0008\0\u0001\u0001\u0012\0\u0003\0\0\0\u0001\0\0\0\0\0\0\0\0", "latin1");
  tiff.writeUInt16BE(orientation, 18);
  const segment = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff]);
  return Buffer.concat([Buffer.from([0xff, 0xe1, 0, segment.length + 2]), segment]);
}
