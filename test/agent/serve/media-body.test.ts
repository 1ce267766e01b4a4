import t from "tap";
import { mediaIn } from "../../../agent/serve/media-body.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { npy } from "../../support/npy.ts";
import { photograph, png } from "../../support/pictures.ts";
import { wav } from "../../support/sounds.ts";

const plain = digitsFolder("1.1.0").model;
const seeing: ModelJson = {
  ...plain,
  preprocessing: [
    {
      kind: "picture",
      input: "pixels",
      resize: { mode: "stretch", width: 8, height: 8 },
      colour: "gray",
      layout: "flat",
    },
  ],
};

t.test("the bytes tell, whatever the Content-Type says", async (t) => {
  t.match(mediaIn(png(photograph(3, 3)), "application/json", plain), { kind: "file" });
  t.match(mediaIn(wav([0]), undefined, plain), { kind: "file" });
  t.equal(mediaIn(Buffer.from("[1, 2]"), "application/json", seeing), undefined);
  t.match(mediaIn(npy("|u1", "4, 5", Buffer.alloc(20)), "image/png", seeing), { kind: "picture" });
  t.throws(() => mediaIn(Buffer.from("GIF89a"), "image/gif", seeing), { message: /no JPEG, PNG or WAV/ });
  t.throws(() => mediaIn(Buffer.from("ID3"), "audio/mpeg", seeing), { message: /no JPEG, PNG or WAV/ });
});
