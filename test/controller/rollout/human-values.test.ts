import t from "tap";
import { readShare, readSpan, shareText, spanText } from "../../../controller/rollout/human-values.ts";

const spans: readonly (readonly [text: string, ms: number | undefined])[] = [
  ["500ms", 500],
  ["90s", 90_000],
  ["10m", 600_000],
  ["1.5h", 5_400_000],
  ["1d", 86_400_000],
  ["0", 0],
  ["0s", 0],
  // A number alone has no unit: in a file nobody would know which.
  ["10", undefined],
  ["10 m", undefined],
  ["-1m", undefined],
  ["m", undefined],
  ["99999999999999999d", undefined],
];
for (const [text, ms] of spans) t.test(`"${text}" is ${ms ?? "no"} ms`, async (t) => t.equal(readSpan(text), ms));

const shares: readonly (readonly [text: string, share: number | undefined])[] = [
  ["5%", 0.05],
  ["5 %", 0.05],
  ["0.1%", 0.001],
  ["99.9%", 0.999],
  ["100%", 1],
  ["0.05", undefined],
  ["%", undefined],
  ["five%", undefined],
];
for (const [text, share] of shares)
  t.test(`"${text}" is ${share ?? "no share"}`, async (t) => t.equal(readShare(text), share));

t.test("what is written is read as the same", async (t) => {
  for (const ms of [0, 1, 999, 1_000, 1_500, 60_000, 90_000, 3_600_000, 5_400_000, 604_800_000]) {
    t.equal(readSpan(spanText(ms)), ms, spanText(ms));
  }
  for (let n = 0; n <= 1_000; n += 1) {
    if (readShare(shareText(n / 1_000)) !== n / 1_000) t.fail(`${n / 1_000} became ${shareText(n / 1_000)}`);
  }
});

t.test("a time is told in the largest unit that needs no fraction", async (t) => {
  t.same([90_000, 5_400_000, 7_200_000, 0].map(spanText), ["90s", "90m", "2h", "0s"]);
});
