import t from "tap";
import { runFerry } from "../../support/ferry-commands.ts";
import { requireYes } from "../../../controller/cli/require-yes.ts";

const deed = { act: "delete group cams", question: "Delete group cams?" };

t.test("a script that said yes is not asked", async (t) => t.resolves(requireYes(deed, true)));

t.test("a script that did not say yes is told how", async (t) => {
  const { code, stderr } = await runFerry(["delete", "group", "cams", "--controller", "http://127.0.0.1:1"]);
  t.equal(code, 2);
  t.match(stderr, /This would delete group cams, and nobody can be asked here[^]*Add --yes to do it\./);
});
