import t from "tap";
import { modeText, readMode } from "../../../controller/rollout/mode-text.ts";

const modes = [
  ["shadow", { kind: "shadow", share: 1 }],
  ["shadow: 50%", { kind: "shadow", share: 0.5 }],
  ["split: 10%", { kind: "split", share: 0.1 }],
] as const;
for (const [text, mode] of modes) {
  t.test(`${text} is read, and written the same`, async (t) => {
    t.same(readMode(text), mode);
    t.equal(modeText(mode), text);
  });
}

t.test("replace is what happens where nothing is said", async (t) => {
  t.equal(readMode("replace"), "replace");
  t.equal(modeText(undefined), "replace");
});

t.test("anything else is none", async (t) => {
  for (const text of ["", "split", "split: 0%", "split: 100%", "shadow: 101%", "shadow:", "mirror", "split 10%"]) {
    t.equal(readMode(text), undefined, text);
  }
});
