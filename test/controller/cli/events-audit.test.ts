import t from "tap";
import { runFerry } from "../../support/ferry-commands.ts";
import { join } from "node:path";
import { openTestController } from "../../support/controller-api.ts";

t.test("the audit log is listed and verified, and a lost end shows", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const at = ["--controller", controller.httpUrl];
  const atHome = { FERRY_HOME: controller.paths.home };
  const listed = await runFerry(["events", "--audit", "-o", "json", ...at], atHome);
  t.match(JSON.parse(listed.stdout), [{ seq: 1, actor: "(system)", action: "addOperator", hash: /^[0-9a-f]{64}$/ }]);
  const head = (await runFerry(["events", "verify", "-o", "name", ...at], atHome)).stdout.trim();
  t.match(head, /^[0-9a-f]{64}$/);
  const verify = (hash: string) => runFerry(["events", "verify", "--head", hash, ...at], atHome);
  t.equal((await verify(head)).code, 0);
  const cut = await verify("a".repeat(64));
  t.equal(cut.code, 1);
  t.match(cut.stderr, /lost its end/);
  t.equal((await verify("abc")).code, 2);
});
