import t from "tap";
import { resample } from "../../../common/processing/resample.ts";
import { drawn, photograph } from "../../support/pictures.ts";

const row = (...levels: readonly number[]) => drawn(levels.length, 1, (x) => [levels[x] ?? 0, 0, 0]);
const reds = ({ data }: { data: Uint8Array }) => [...data].filter((_, index) => index % 3 === 0);

/** Worked out by hand from the definition: centres of pixels at halves, triangles as wide as a pixel of the result. */
const cases = [
  { what: "half the size, antialiased", from: [0, 0, 255, 255], width: 2, filter: "antialiased", to: [36, 219] },
  { what: "half the size, two neighbours", from: [0, 100, 200, 255], width: 2, filter: "bilinear", to: [50, 228] },
  { what: "a quarter, between the middle two only", from: [0, 100, 200, 255], width: 1, filter: "bilinear", to: [150] },
  { what: "twice the size", from: [0, 100], width: 4, filter: "bilinear", to: [0, 25, 75, 100] },
  { what: "twice the size, antialiased alike", from: [0, 100], width: 4, filter: "antialiased", to: [0, 25, 75, 100] },
  { what: "the nearest", from: [1, 2, 3, 4], width: 2, filter: "nearest", to: [2, 4] },
  { what: "an even row, by cubics", from: [7, 7, 7, 7, 7], width: 3, filter: "bicubic", to: [7, 7, 7] },
] as const;
for (const { what, from, width, filter, to } of cases) {
  t.test(what, async (t) => t.same(reds(resample(row(...from), width, 1, filter)), to));
}

t.test("rows are resized as columns are", async (t) => {
  const wide = resample(
    drawn(8, 3, (x) => [x * 30, 5, x]),
    3,
    3,
    "antialiased",
  );
  const tall = resample(
    drawn(3, 8, (_, y) => [y * 30, 5, y]),
    3,
    3,
    "antialiased",
  );
  for (let x = 0; x < 3; x += 1)
    for (let y = 0; y < 3; y += 1) t.equal(wide.data[(y * 3 + x) * 3], tall.data[(x * 3 + y) * 3]);
});

t.test("a picture of the right size is as it was", async (t) => {
  const picture = photograph(20, 10);
  t.equal(resample(picture, 20, 10, "bicubic"), picture);
});
