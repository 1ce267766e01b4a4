import t from "tap";
import { onlySlot, servedVersion } from "../../../agent/serve/ask-model.ts";
import type { ServedSlot } from "../../../agent/inference/inference-engine.ts";
import type { ModelName } from "../../../protocol/ids.ts";
import { EVIDENCE, modelJson, statement } from "../../support/device-views.ts";

const serving = (...names: string[]) => ({
  slots: (): ServedSlot[] =>
    names.map((slot) => ({
      slot: slot as ModelName,
      bundle: { directory: "", statement: statement("a"), model: modelJson("1.0.0") },
      evidence: EVIDENCE,
      sinceMs: 0,
      ready: true,
    })),
});

t.test("a request may name the version that serves, and no other", async (t) => {
  t.match(servedVersion(serving("digits"), "digits", undefined), { slot: "digits" });
  t.match(servedVersion(serving("digits"), "digits", "1.0.0"), { slot: "digits" });
  t.throws(() => servedVersion(serving("digits"), "digits", "2.0.0"), {
    failure: "unknown-version",
    message: /version 2\.0\.0 is not found; version 1\.0\.0 is there/,
  });
  t.throws(() => servedVersion(serving("digits"), "faces", undefined), {
    failure: "unknown-model",
    message: /unknown model/,
  });
});

t.test("a request without a name is for the only model", async (t) => {
  const example = (slot: string) => `POST /predict/${slot}`;
  t.match(onlySlot(serving("digits"), example), { slot: "digits" });
  t.throws(() => onlySlot(serving(), example), { status: 503, message: /No model is served/ });
  t.throws(() => onlySlot(serving("digits", "faces"), example), {
    status: 400,
    message: /\(digits, faces\): say which, as in POST \/predict\/digits/,
  });
});
