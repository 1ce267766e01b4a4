import t from "tap";
import { mediaOf } from "../../../common/processing/media-of.ts";
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

t.test("a file of a picture or a sound is told by its first bytes", async (t) => {
  t.match(mediaOf(png(photograph(3, 3)), plain), { kind: "file" });
  t.match(mediaOf(wav([0]), plain), { kind: "file" });
  t.equal(mediaOf(Buffer.from("GIF89a"), seeing), undefined);
});

t.test("an array of levels is a picture for a model of pictures", async (t) => {
  t.match(mediaOf(npy("|u1", "4, 5, 3", Buffer.alloc(60, 7)), seeing), {
    kind: "picture",
    picture: { width: 5, height: 4 },
  });
  t.match(mediaOf(npy("|u1", "4, 5", Buffer.alloc(20, 7)), seeing), { picture: { data: new Uint8Array(60).fill(7) } });
  t.equal(mediaOf(npy("|u1", "4, 5", Buffer.alloc(20, 7)), plain), undefined, "this model takes none");
  t.equal(mediaOf(npy("<f4", "1, 64", Buffer.alloc(256, 7)), seeing), undefined, "the input as it stands");
  t.equal(
    mediaOf(npy("|u1", "4, 5, 3", Buffer.alloc(59, 7)), seeing),
    undefined,
    "cut short: the model's own check says so",
  );
});
