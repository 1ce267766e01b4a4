import t from "tap";
import { prepareHere } from "../../../controller/bundles/prepare-here.ts";
import { drawn, jpeg } from "../../support/pictures.ts";

t.test("a picture is decoded and framed in this process, one after the other by the same decoder", async (t) => {
  const bytes = await jpeg(drawn(32, 16, () => [200, 200, 200]));
  const resize = { mode: "stretch", width: 8, height: 8 } as const;
  const picture = { kind: "picture", input: "x", resize, colour: "gray", layout: "nchw" } as const;
  const model = { inputs: [{ name: "x", datatype: "UINT8" as const, shape: [1, 1, 8, 8] }], preprocessing: [picture] };
  for (let run = 0; run < 2; run += 1) {
    const { frames, placement } = await prepareHere({ kind: "file", bytes }, model);
    t.same(frames[0]?.bytes, new Uint8Array(64).fill(200));
    t.ok(placement);
  }
  await t.rejects(prepareHere({ kind: "file", bytes: Buffer.from("no picture") }, model), { code: "bad-media" });
});
