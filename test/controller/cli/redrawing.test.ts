import t from "tap";
import { redrawing } from "../../../controller/cli/redrawing.ts";

t.test("a picture takes the place of the one before, however its lines were broken", async (t) => {
  const written: string[] = [];
  const { show } = redrawing({ columns: 10, write: (text) => written.push(text) });
  show("one\n\u001b[32mtwelve places\u001b[39m");
  show("two");
  show("three");
  t.same(written, [
    "one\n\u001b[32mtwelve places\u001b[39m\n",
    "\u001b[3A\u001b[J",
    "two\n",
    "\u001b[1A\u001b[J",
    "three\n",
  ]);
});
