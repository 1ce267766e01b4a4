import t from "tap";
import { framePicture } from "../../../common/processing/frame-picture.ts";
import { drawn } from "../../support/pictures.ts";

const white = drawn(200, 100, () => [255, 255, 255]);
const at = ({ width, data }: { width: number; data: Uint8Array }, x: number, y: number) => data[(y * width + x) * 3];

t.test("stretch gives both sides, whatever the proportions", async (t) => {
  const { picture, placement } = framePicture(white, { mode: "stretch", width: 50, height: 50 });
  t.match(picture, { width: 50, height: 50 });
  t.match(placement, { scaleX: 0.25, scaleY: 0.5, left: 0, top: 0 });
});

t.test("letterbox keeps the proportions and fills what is left", async (t) => {
  const { picture, placement } = framePicture(white, {
    mode: "letterbox",
    width: 64,
    height: 64,
    pad: [114, 114, 114],
  });
  t.match(picture, { width: 64, height: 64 });
  t.match(placement, { scaleX: 0.32, scaleY: 0.32, left: 0, top: 16 });
  t.same([at(picture, 5, 15), at(picture, 5, 16), at(picture, 5, 47), at(picture, 5, 48)], [114, 255, 255, 114]);
});

t.test("letterbox may put the picture into the corner", async (t) => {
  const resize = { mode: "letterbox", width: 64, height: 64, align: "top-left" } as const;
  const { picture, placement } = framePicture(white, resize);
  t.match(placement, { left: 0, top: 0 });
  t.same([at(picture, 5, 0), at(picture, 5, 31), at(picture, 5, 32)], [255, 255, 0]);
});

t.test("crop cuts the centre out", async (t) => {
  const striped = drawn(200, 100, (x) => (x < 50 || x >= 150 ? [0, 0, 0] : [255, 255, 255]));
  const { picture, placement } = framePicture(striped, { mode: "crop", shorterSide: 100, width: 100, height: 100 });
  t.match(picture, { width: 100, height: 100 });
  t.ok(picture.data.every((level) => level === 255));
  t.match(placement, { scaleX: 1, left: -50, top: 0 });
});

t.test("fit shrinks to the limit, in multiples, and never enlarges", async (t) => {
  const resize = { mode: "fit", width: 960, height: 960, multipleOf: 32 } as const;
  t.match(framePicture(white, resize).picture, { width: 192, height: 96 });
  const large = drawn(1_920, 100, () => [0, 0, 0]);
  t.match(framePicture(large, resize).picture, { width: 960, height: 64 });
  t.match(
    framePicture(
      drawn(3, 3, () => [9, 9, 9]),
      resize,
    ).picture,
    { width: 32, height: 32 },
  );
});
