import { mkdirSync } from "node:fs";
import t from "tap";
import { showToken } from "../../../agent/cli/token.ts";
import { runProgram } from "../../support/programs.ts";

t.test("`ferry-agent token` makes and prints them", async (t) => {
  const dir = `${t.testdir()}/agent`;
  t.match(await runProgram("ferry-agent", ["token", "--dir", dir]), { code: 3, stderr: /There is no agent in/ });
  mkdirSync(dir);
  t.match(await runProgram("ferry-agent", ["token", "--dir", dir]), { stderr: /asks its callers for no token/ });
  const made = await runProgram("ferry-agent", ["token", "--create", "--admin", "--dir", dir]);
  t.match(made, { code: 0, stdout: /^[\w-]{43}\n$/ });
  t.same((await runProgram("ferry-agent", ["token", "--admin", "--dir", dir])).stdout, made.stdout);
  t.equal(`${showToken({ dir, admin: true })}\n`, made.stdout);
});
