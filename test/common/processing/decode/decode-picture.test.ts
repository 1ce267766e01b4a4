import t from "tap";
import { deflateSync } from "node:zlib";
import { decodePicture, openPictureDecoder } from "../../../../common/processing/decode/decode-picture.ts";
import { openSharpDecoder } from "../../../../common/processing/decode/sharp-decoder.ts";
import { drawn, jpeg, photograph, png, PNG_MARK, pngChunk, pngHeader } from "../../../support/pictures.ts";

const hasSharp = (await openSharpDecoder()) !== undefined;
const names = hasSharp ? (["wasm", "sharp"] as const) : (["wasm"] as const);
const picture = photograph(321, 203);
const gray = Buffer.concat([
  PNG_MARK,
  pngHeader(4, 1, 0),
  pngChunk("IDAT", deflateSync(Buffer.from([0, 0, 100, 200, 255]))),
  pngChunk("IEND", Buffer.alloc(0)),
]);

for (const name of names) {
  const { decode } = await openPictureDecoder(name);

  t.test(`${name}: a PNG gives its very pixels`, async (t) => {
    const decoded = await decodePicture(decode, png(picture));
    t.match(decoded, { width: 321, height: 203 });
    t.ok(Buffer.from(decoded.data).equals(picture.data));
  });

  t.test(`${name}: gray becomes three equal colours`, async (t) => {
    const { data } = await decodePicture(decode, gray);
    t.same([...data], [0, 0, 0, 100, 100, 100, 200, 200, 200, 255, 255, 255]);
  });

  t.test(`${name}: a JPEG comes upright, however the camera was held`, async (t) => {
    const corner = drawn(64, 32, (x, y) => (x < 32 && y < 16 ? [250, 10, 10] : [10, 10, 250]));
    const isRed = async (orientation: number, x: number, y: number) => {
      const { width, height, data } = await decodePicture(decode, await jpeg(corner, { orientation, quality: 95 }));
      t.same([width, height], orientation >= 5 ? [32, 64] : [64, 32]);
      return (data[(Math.floor(y * height) * width + Math.floor(x * width)) * 3] ?? 0) > 200;
    };
    const [low, high] = [0.25, 0.75];
    // Where the red quarter, stored at the upper left, is to be seen; EXIF 2.3, table of tag 274.
    const seen = [
      [1, low, low],
      [2, high, low],
      [3, high, high],
      [4, low, high],
      [5, low, low],
      [6, high, low],
      [7, high, high],
      [8, low, high],
    ] as const;
    for (const [orientation, x, y] of seen) {
      t.ok(await isRed(orientation, x, y), `orientation ${orientation}`);
      t.notOk(await isRed(orientation, 1 - x, 1 - y), `orientation ${orientation}, opposite`);
    }
  });

  t.test(`${name}: a damaged file is refused with a sentence, and the next one is decoded`, async (t) => {
    const whole = await jpeg(picture);
    const files = [whole.subarray(0, whole.length >> 1), png(picture).subarray(0, 5_000), spoilt(png(picture))];
    for (const file of files) await t.rejects(decodePicture(decode, file), { code: "bad-media", message: /damaged/ });
    t.match(await decodePicture(decode, whole), { width: 321 });
    t.match(await decodePicture(decode, png(picture)), { width: 321 });
  });

  t.test(`${name}: a small file that unpacks to gigabytes takes what its header says, and no more`, async (t) => {
    const zeros = deflateSync(Buffer.alloc(100_000_000));
    const bomb = Buffer.concat([
      PNG_MARK,
      pngHeader(10, 10),
      pngChunk("IDAT", zeros),
      pngChunk("IEND", Buffer.alloc(0)),
    ]);
    const before = process.memoryUsage().arrayBuffers;
    const outcome = await decodePicture(decode, bomb).then(
      ({ width }) => width,
      (error: unknown) => (error as Error).message,
    );
    t.ok(outcome === 10 || String(outcome).includes("damaged"), String(outcome));
    t.ok(process.memoryUsage().arrayBuffers - before < 50e6);
  });
}

t.test("sharp and WebAssembly give the same pixels", { skip: !hasSharp && "sharp is not installed" }, async (t) => {
  const [sharp, wasm] = [await openPictureDecoder("sharp"), await openPictureDecoder("wasm")];
  const files = {
    PNG: png(picture),
    "gray PNG": gray,
    JPEG: await jpeg(picture),
    "coarse JPEG": await jpeg(picture, { quality: 40 }),
    "fine JPEG": await jpeg(picture, { quality: 98 }),
    "progressive JPEG": await jpeg(picture, { progressive: true }),
    "JPEG of odd size": await jpeg(photograph(17, 9)),
  };
  for (const [what, file] of Object.entries(files)) {
    const [one, other] = [await decodePicture(sharp.decode, file), await decodePicture(wasm.decode, file)];
    t.ok(Buffer.from(one.data).equals(other.data), what);
  }
});

/** One bit of the pixels, so that the checksum is wrong. */
function spoilt(file: Buffer): Buffer {
  const copy = Buffer.from(file);
  copy[100] = (copy[100] ?? 0) ^ 1;
  return copy;
}
