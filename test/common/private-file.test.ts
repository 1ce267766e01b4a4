import t from "tap";
import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readPrivateFile, writePrivateFile } from "../../common/private-file.ts";

t.test("a secret is written for its owner alone, and replaced whole", async (t) => {
  const folder = join(t.testdir(), "new");
  const path = join(folder, "secret");
  writePrivateFile(path, "one");
  writePrivateFile(path, "two");
  t.equal(readPrivateFile(path), "two");
  t.same([statSync(folder).mode & 0o777, statSync(path).mode & 0o777], [0o700, 0o600]);
  t.same(readdirSync(folder), ["secret"], "nothing else is left there");
});

t.test("one that others can read is refused, with the way out", async (t) => {
  const path = join(t.testdir(), "secret");
  writePrivateFile(path, "one");
  for (const mode of [0o640, 0o604]) {
    chmodSync(path, mode);
    t.throws(() => readPrivateFile(path), { code: "secret-exposed", hint: /chmod 600/ });
  }
});

t.test("one that is not there is nothing", async (t) => {
  t.equal(readPrivateFile(join(t.testdir(), "secret")), undefined);
});
