import t from "tap";
import { isEncoded, mediaOfBytes, mediaOfText, takesMedia } from "../../../agent/serve/encoded-media.ts";
import { digitsFolder, pictureDigits } from "../../support/model-folders.ts";
import { photograph, png } from "../../support/pictures.ts";

const { model } = pictureDigits();
const picture = png(photograph(4, 4));

t.test("base64 is a picture, with and without what browsers put before it", async (t) => {
  const text = picture.toString("base64");
  for (const written of [text, `data:image/png;base64,${text}`, ` ${text}\n`, picture.toString("base64url")]) {
    t.match(mediaOfText(written, model), { kind: "file" }, written.slice(0, 30));
  }
  t.same(mediaOfBytes(picture, model), { kind: "file", bytes: picture });
});

t.test("what is none is refused with what was expected", async (t) => {
  t.throws(() => mediaOfText("", model), { status: 400, message: /is base64, and this is not: ""/ });
  t.throws(() => mediaOfText("<svg>".repeat(20), model), { status: 400, message: /"<svg>.*…"/ });
  t.throws(() => mediaOfText("aGVsbG8=", model), { status: 400, message: /The 5 bytes are no JPEG/ });
});

t.test("a model of pictures takes them, and {b64} is told from other values", async (t) => {
  t.ok(takesMedia(model));
  t.notOk(takesMedia(digitsFolder("1.1.0").model));
  t.ok(isEncoded({ b64: "x" }));
  for (const value of [undefined, null, "b64", { b64: 1 }, { bytes: "x" }]) t.notOk(isEncoded(value));
});
