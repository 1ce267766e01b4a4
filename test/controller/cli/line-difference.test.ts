import t from "tap";
import { differenceText, lineDifference } from "../../../controller/cli/line-difference.ts";

const cases: readonly (readonly [before: string, after: string, difference: string])[] = [
  ["a b c", "a b c", "=a =b =c"],
  ["a b c", "a x c", "=a -b +x =c"],
  ["a b c", "a c", "=a -b =c"],
  ["a c", "a b c", "=a +b =c"],
  ["a b c d e", "a c d x e", "=a -b =c =d +x =e"],
  ["a a a", "a a", "=a =a -a"],
  ["a b", "c d", "-a -b +c +d"],
];
for (const [before, after, difference] of cases) {
  t.test(`${before} → ${after}`, async (t) => {
    const signs = { same: "=", removed: "-", added: "+" };
    const lines = lineDifference(before.replaceAll(" ", "\n"), after.replaceAll(" ", "\n"));
    t.equal(lines.map(({ kind, text }) => signs[kind] + text).join(" "), difference);
  });
}

t.test("both texts can be put together from the difference", async (t) => {
  const before = Array.from({ length: 60 }, (_, at) => String((at * 7) % 13)).join("\n");
  const after = Array.from({ length: 50 }, (_, at) => String((at * 5) % 11)).join("\n");
  const lines = lineDifference(before, after);
  const without = (kind: string) => lines.filter((line) => line.kind !== kind).map(({ text }) => text);
  t.equal(without("added").join("\n"), before);
  t.equal(without("removed").join("\n"), after);
});

t.test("texts too long to compare line by line are shown whole", async (t) => {
  const before = Array.from({ length: 3_000 }, (_, at) => `a${at}`).join("\n");
  const after = Array.from({ length: 3_000 }, (_, at) => `b${at}`).join("\n");
  const lines = lineDifference(`same\n${before}`, `same\n${after}`);
  t.equal(lines.filter(({ kind }) => kind === "removed").length, 3_000);
  t.equal(lines.filter(({ kind }) => kind === "same").length, 1);
});

t.test("lines far from a change are left out", async (t) => {
  const lines = Array.from({ length: 40 }, (_, at) => `line ${at}`);
  const text = differenceText(lineDifference(lines.join("\n"), lines.with(5, "x").with(30, "y").join("\n")));
  t.match(text, /line 4\n.*- line 5.*\n.*\+ x/);
  t.notMatch(text, /line 15|line 39/);
  t.equal(text.split("…").length, 2);
  t.equal(differenceText(lineDifference("a", "a")), "");
});
