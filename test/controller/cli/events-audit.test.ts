import t from "tap";
import { join } from "node:path";
import { openTestController } from "../../support/controller-api.ts";
import { runProgram } from "../../support/programs.ts";

t.test("the audit log is listed and verified, and a lost end shows", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const at = ["--controller", controller.httpUrl];
  const atHome = { FERRY_HOME: controller.paths.home };
  const listed = await runProgram("ferry", ["events", "--audit", "-o", "json", ...at], atHome);
  t.match(JSON.parse(listed.stdout), [{ seq: 1, actor: "(system)", action: "addOperator", hash: /^[0-9a-f]{64}$/ }]);
  const head = (await runProgram("ferry", ["events", "verify", "-o", "name", ...at], atHome)).stdout.trim();
  t.match(head, /^[0-9a-f]{64}$/);
  const verify = (hash: string) => runProgram("ferry", ["events", "verify", "--head", hash, ...at], atHome);
  t.equal((await verify(head)).code, 0);
  const cut = await verify("a".repeat(64));
  t.equal(cut.code, 1);
  t.match(cut.stderr, /lost its end/);
  t.equal((await verify("abc")).code, 2);
});
