import { chmodSync, statSync, writeFileSync } from "node:fs";
import t from "tap";
import { agentFolder } from "../../agent/config.ts";
import { createHttpToken, httpTokens, isLoopback, readHttpToken } from "../../agent/http-tokens.ts";

t.test("a token is made once for all, and only the agent's user reads it", async (t) => {
  const folder = agentFolder(t.testdir());
  t.equal(readHttpToken(folder, "caller"), undefined);
  const token = createHttpToken(folder, "caller");
  t.match(token, /^[\w-]{43}$/);
  t.equal(readHttpToken(folder, "caller"), token);
  t.equal(statSync(folder.httpToken).mode & 0o777, 0o600);
  t.not(createHttpToken(folder, "admin"), token);
  chmodSync(folder.httpToken, 0o644);
  t.throws(() => readHttpToken(folder, "caller"), { code: "secret-exposed", message: /Other users can read/ });
});

t.test("a token that could be guessed is refused", async (t) => {
  const folder = agentFolder(t.testdir());
  writeFileSync(folder.httpToken, "secret\n", { mode: 0o600 });
  t.throws(() => readHttpToken(folder, "caller"), { code: "weak-token", message: /fewer than 20 characters/ });
});

t.test("other machines ask with a token, or because a person said so", async (t) => {
  const folder = agentFolder(t.testdir());
  t.same(httpTokens(folder, { host: "127.0.0.1", port: 0 }), { caller: undefined, admin: undefined });
  t.throws(() => httpTokens(folder, { host: "0.0.0.0", port: 0 }), {
    code: "unprotected",
    message: /Other machines could ask this device at 0\.0\.0\.0/,
    hint: /ferry-agent token --create .*"unprotected": true/,
  });
  t.doesNotThrow(() => httpTokens(folder, { host: "0.0.0.0", port: 0, unprotected: true }));
  const token = createHttpToken(folder, "caller");
  t.match(httpTokens(folder, { host: "::", port: 0 }), { caller: token });
});

t.test("only this machine's own addresses are loopback", async (t) => {
  for (const host of ["127.0.0.1", "127.8.9.1", "localhost", "::1"]) t.ok(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example", "localhost.example"])
    t.notOk(isLoopback(host), host);
});
