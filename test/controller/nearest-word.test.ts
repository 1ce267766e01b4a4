import t from "tap";
import { nearestWord } from "../../controller/nearest-word.ts";

const words = ["stages", "selector", "soak", "max", "min", "timeouts"];

const cases: readonly (readonly [word: string, meant: string | undefined, why: string])[] = [
  ["stagse", "stages", "two letters are swapped"],
  ["selektor", "selector", "one letter is another"],
  ["Stages", "stages", "only the case differs"],
  ["timeout", "timeouts", "a letter is missing"],
  ["soaks", "soak", "a letter is too many"],
  ["maxx", "max", "a short word allows one letter"],
  ["mxi", undefined, "two of three letters are another word"],
  ["colour", undefined, "nothing is near"],
  ["", undefined, "nothing was written"],
];
for (const [word, meant, why] of cases) {
  t.test(`"${word}" means ${meant ?? "none of them"}: ${why}`, async (t) => t.equal(nearestWord(word, words), meant));
}

t.test("long words cost no more than their first letters", async (t) => {
  t.equal(nearestWord("x".repeat(100_000), words), undefined);
});
