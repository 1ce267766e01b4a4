import t from "tap";
import { ScoreWindow } from "../../../agent/monitor/score-window.ts";

const detectors = {
  features: [
    { name: "x", centre: 0, scale: 1 },
    { name: "y", centre: 10, scale: 2 },
  ],
  falseAlarms: 0.01,
  calibratedWith: 500,
  robustZ: { threshold: 4 },
};

function tellExample(window: ScoreWindow, x: number, y: number): void {
  window.tell("x", x);
  window.tell("y", y);
  window.endExample();
}

t.test("examples become a sketch of scores, a count of the unusual ones, and which input was farthest", async (t) => {
  const window = new ScoreWindow(detectors);
  tellExample(window, 0.5, 11);
  tellExample(window, -1, 9);
  tellExample(window, 0, 40);
  const [scores, farthest, ...rest] = window.take();
  t.match(scores, { feature: "robust-z", role: "score", count: 3, anomalous: 1 });
  t.match(farthest, { type: "category", count: 1, categories: '[["y",1]]' });
  t.same(rest, [], "no Mahalanobis distance where the baseline has none");
});

t.test("what was taken is forgotten, and without examples nothing is said", async (t) => {
  const window = new ScoreWindow(detectors);
  t.same(window.take(), []);
  tellExample(window, 9, 10);
  t.equal(window.take().length, 2);
  tellExample(window, 0, 10);
  t.match(window.take(), [{ feature: "robust-z", count: 1, anomalous: 0 }]);
  t.same(window.take(), []);
});
