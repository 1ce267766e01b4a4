import t from "tap";
import { elementCount, shapeFits } from "../../protocol/tensor.ts";

t.test("a scalar has one element; a dimension of zero has none", async (t) => {
  t.equal(elementCount([]), 1);
  t.equal(elementCount([2, 3, 4]), 24);
  t.equal(elementCount([2, 0]), 0);
});

const cases: readonly { readonly shape: number[]; readonly declared: number[]; readonly fits: boolean }[] = [
  { shape: [1, 64], declared: [-1, 64], fits: true },
  { shape: [7, 64], declared: [-1, 64], fits: true },
  { shape: [1, 63], declared: [-1, 64], fits: false },
  { shape: [64], declared: [-1, 64], fits: false },
  { shape: [], declared: [], fits: true },
  { shape: [1], declared: [], fits: false },
];

for (const { shape, declared, fits } of cases) {
  t.test(`[${String(shape)}] ${fits ? "fits" : "does not fit"} [${String(declared)}]`, async (t) =>
    t.equal(shapeFits(shape, declared), fits),
  );
}
