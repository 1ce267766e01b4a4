import t from "tap";
import { PICTURE_BYTES_MAX, readPictureHeader } from "../../../../common/processing/decode/picture-header.ts";
import { jpeg, photograph, png, PNG_MARK, pngHeader } from "../../../support/pictures.ts";

t.test("size and orientation are read without decoding", async (t) => {
  const picture = photograph(40, 30);
  t.same(readPictureHeader(png(picture)), { format: "png", width: 40, height: 30, orientation: 1 });
  t.same(readPictureHeader(await jpeg(picture)), { format: "jpeg", width: 40, height: 30, orientation: 1 });
  t.match(readPictureHeader(await jpeg(picture, { orientation: 6, progressive: true })), { width: 40, orientation: 6 });
});

const frame = (precision: number, height: number, width: number, colours: number) => {
  const bytes = Buffer.from([
    0xff,
    0xd8,
    0xff,
    0xc0,
    0,
    8 + 3 * colours,
    precision,
    0,
    0,
    0,
    0,
    colours,
    ...new Array<number>(3 * colours).fill(0),
  ]);
  bytes.writeUInt16BE(height, 7);
  bytes.writeUInt16BE(width, 9);
  return bytes;
};

const refused: readonly {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly code: string;
  readonly why: RegExp;
}[] = [
  { what: "a text", bytes: Buffer.from("hello"), code: "bad-media", why: /neither a JPEG nor a PNG/ },
  { what: "an empty body", bytes: Buffer.alloc(0), code: "bad-media", why: /neither a JPEG nor a PNG/ },
  {
    what: "a PNG of 30,000 × 30,000 pixels",
    bytes: Buffer.concat([PNG_MARK, pngHeader(30_000, 30_000)]),
    code: "media-too-large",
    why: /30000 × 30000 pixels; at most 25 million/,
  },
  {
    what: "a JPEG of 65,000 × 400 pixels",
    bytes: frame(8, 400, 65_000, 3),
    code: "media-too-large",
    why: /16384 a side/,
  },
  {
    what: "more bytes than are taken",
    bytes: Buffer.alloc(PICTURE_BYTES_MAX + 1),
    code: "media-too-large",
    why: /bytes; at most/,
  },
  {
    what: "a PNG without pixels",
    bytes: Buffer.concat([PNG_MARK, pngHeader(0, 5)]),
    code: "bad-media",
    why: /no pixels/,
  },
  { what: "a PNG that ends in its header", bytes: PNG_MARK, code: "bad-media", why: /cut short/ },
  {
    what: "a JPEG that ends in its header",
    bytes: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0]),
    code: "bad-media",
    why: /cut short/,
  },
  { what: "a JPEG of four colours", bytes: frame(8, 10, 10, 4), code: "bad-media", why: /CMYK/ },
  { what: "a JPEG of 12 bits", bytes: frame(12, 10, 10, 3), code: "bad-media", why: /8 bits/ },
  {
    what: "a JPEG with something between its segments",
    bytes: Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 7, 7, 7, 7]),
    code: "bad-media",
    why: /without its mark/,
  },
];
for (const { what, bytes, code, why } of refused) {
  t.test(`${what} is refused before anything is decoded`, async (t) =>
    t.throws(() => readPictureHeader(bytes), { code, message: why }),
  );
}
