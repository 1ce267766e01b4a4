/** What a picture says of itself before anything is decoded: nothing is unpacked that is too large or of another kind. */
import { ProcessingError } from "../processing-error.ts";

export interface PictureHeader {
  readonly format: "jpeg" | "png";
  /** As it is stored, before it is turned upright. */
  readonly width: number;
  readonly height: number;
  /** EXIF's number, 1 to 8: how a viewer turns it; 1 where the file says nothing. PNG files say nothing. */
  readonly orientation: number;
}

/** As a request carries at most; a 24-megapixel photograph has 5 to 12 MB. */
export const PICTURE_BYTES_MAX = 16 * 1024 ** 2;
/** Of a 24-megapixel camera, with room: 100 MB decoded, which a board with 1 GB can hold once. */
export const PICTURE_PIXELS_MAX = 25_000_000;
/** What JPEG and PNG decoders take without special builds; no camera has more. */
const PICTURE_SIDE_MAX = 16_384;

const PNG_MARK = Buffer.from("\u0089PNG\r\n\u001a\n", "latin1");

export function isPng(bytes: Uint8Array): boolean {
  return PNG_MARK.equals(bytes.subarray(0, PNG_MARK.length));
}

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** Throws ProcessingError for what is no JPEG or PNG, is damaged in its header, or too large to be decoded. */
export function readPictureHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.byteLength > PICTURE_BYTES_MAX) {
    throw tooLarge(`${bytes.byteLength} bytes; at most ${PICTURE_BYTES_MAX} are taken`);
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = isPng(bytes) ? pngHeader(buffer) : isJpeg(bytes) ? jpegHeader(buffer) : undefined;
  if (header === undefined) throw new ProcessingError("bad-media", "The picture is neither a JPEG nor a PNG file");
  const { width, height } = header;
  if (width === 0 || height === 0) throw damaged("it says that it has no pixels");
  if (Math.max(width, height) > PICTURE_SIDE_MAX || width * height > PICTURE_PIXELS_MAX) {
    throw tooLarge(
      `${width} × ${height} pixels; at most ${PICTURE_PIXELS_MAX / 1e6} million are taken, ${PICTURE_SIDE_MAX} a side`,
    );
  }
  return header;
}

/** PNG, 11.2.2: IHDR comes first. */
function pngHeader(bytes: Buffer): PictureHeader {
  if (bytes.length < 33 || bytes.toString("latin1", 12, 16) !== "IHDR") throw damaged("the PNG header is cut short");
  return { format: "png", width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), orientation: 1 };
}

/** ITU-T T.81, B.1: segments with a length, up to the frame header. */
function jpegHeader(bytes: Buffer): PictureHeader {
  let orientation = 1;
  for (let at = 2; at + 4 <= bytes.length;) {
    if (bytes[at] !== 0xff) throw damaged("a JPEG segment begins without its mark");
    const marker = bytes.readUInt8(at + 1);
    // Fill bytes before a marker.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = bytes.readUInt16BE(at + 2);
    const segment = bytes.subarray(at + 4, at + 2 + length);
    if (isFrame(marker)) return frameHeader(segment, orientation);
    if (marker === 0xe1) orientation = exifOrientation(segment) ?? orientation;
    at += 2 + length;
  }
  throw damaged("the JPEG header is cut short");
}

/** SOF0 to SOF15, which share their range with DHT, JPG and DAC. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function frameHeader(segment: Buffer, orientation: number): PictureHeader {
  if (segment.length < 6) throw damaged("the JPEG frame header is cut short");
  const colours = segment.readUInt8(5);
  if (colours !== 1 && colours !== 3) {
    throw new ProcessingError("bad-media", `The JPEG has ${colours} colours (CMYK is for printing): send it as RGB`);
  }
  if (segment.readUInt8(0) !== 8) throw new ProcessingError("bad-media", "The JPEG has more than 8 bits a colour");
  return { format: "jpeg", width: segment.readUInt16BE(3), height: segment.readUInt16BE(1), orientation };
}

const ORIENTATION_TAG = 0x0112;
/** Entries of the first directory that are looked at; cameras write about 15. */
const TAGS_MAX = 200;

/** EXIF 2.3, 4.6: a TIFF file in an APP1 segment. Undefined for whatever is not that: a viewer would show it as it is. */
function exifOrientation(segment: Buffer): number | undefined {
  if (segment.toString("latin1", 0, 6) !== "Exif\0\0") return undefined;
  const tiff = segment.subarray(6);
  const isLittle = tiff.toString("latin1", 0, 2) === "II";
  const u16 = (at: number) =>
    at + 2 > tiff.length ? undefined : isLittle ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at);
  const u32 = (at: number) =>
    at + 4 > tiff.length ? undefined : isLittle ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at);
  const directory = u32(4) ?? tiff.length;
  const tags = Math.min(u16(directory) ?? 0, TAGS_MAX);
  for (let tag = 0; tag < tags; tag += 1) {
    const at = directory + 2 + tag * 12;
    if (u16(at) !== ORIENTATION_TAG) continue;
    const value = u16(at + 8) ?? 1;
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}

function damaged(how: string): ProcessingError {
  return new ProcessingError("bad-media", `The picture is damaged: ${how}`);
}

function tooLarge(what: string): ProcessingError {
  return new ProcessingError("media-too-large", `The picture has ${what}`);
}
