import t from "tap";
import { FeatureWindow } from "../../../agent/monitor/feature-window.ts";
import { CategoryCounts } from "../../../protocol/category-counts.ts";

t.test("a frame is chosen from the first values, and kept for the windows after", async (t) => {
  const window = new FeatureWindow({ name: "x", role: "input", type: "number" }, undefined, undefined);
  for (let n = 0; n < 100; n += 1) window.add(300 + (n % 5));
  window.add(undefined);
  t.match([window.count, window.missing], [101, 1]);
  const frameIn = (told: object) => /:"(\S+ [^|]+)\|/.exec(JSON.stringify(told))?.[1];
  const first = frameIn(window.take());
  t.match([window.count, window.missing], [0, 0]);
  window.add(1);
  t.equal(frameIn(window.take()), first);
});

t.test("categories that a baseline does not know are counted together", async (t) => {
  const known = new CategoryCounts();
  known.add("cat");
  const window = new FeatureWindow({ name: "x", role: "output", type: "category" }, undefined, known);
  for (const category of ["cat", "cow", "dog"]) window.add(category);
  t.same(window.take(), { categories: '[["cat",1],[null,2]]' });
});
