import t from "tap";
import { mediaIn } from "../../../agent/serve/media-body.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import { digitsFolder } from "../../support/model-folders.ts";
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

function npy(descr: string, shape: string, bytes: number): Buffer {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }\n`;
  const head = Buffer.from("\u0093NUMPY\u0001\0\0\0", "latin1");
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header, "latin1"), Buffer.alloc(bytes, 7)]);
}

t.test("the bytes tell, whatever the Content-Type says", async (t) => {
  t.match(mediaIn(png(photograph(3, 3)), "application/json", plain), { kind: "file" });
  t.match(mediaIn(wav([0]), undefined, plain), { kind: "file" });
  t.equal(mediaIn(Buffer.from("[1, 2]"), "application/json", seeing), undefined);
  t.throws(() => mediaIn(Buffer.from("GIF89a"), "image/gif", seeing), { message: /no JPEG, PNG or WAV/ });
  t.throws(() => mediaIn(Buffer.from("ID3"), "audio/mpeg", seeing), { message: /no JPEG, PNG or WAV/ });
});

t.test("an array of levels is a picture for a model of pictures", async (t) => {
  t.match(mediaIn(npy("|u1", "(4, 5, 3)", 60), undefined, seeing), {
    kind: "picture",
    picture: { width: 5, height: 4 },
  });
  t.match(mediaIn(npy("|u1", "(4, 5)", 20), undefined, seeing), { picture: { data: new Uint8Array(60).fill(7) } });
  t.equal(mediaIn(npy("|u1", "(4, 5)", 20), undefined, plain), undefined, "this model takes none");
  t.equal(mediaIn(npy("<f4", "(1, 64)", 256), undefined, seeing), undefined, "the input as it stands");
  t.equal(
    mediaIn(npy("|u1", "(4, 5, 3)", 59), undefined, seeing),
    undefined,
    "cut short: the model's own check says so",
  );
});
