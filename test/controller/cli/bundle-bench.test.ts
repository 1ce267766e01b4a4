import t from "tap";
import { runFerry } from "../../support/ferry-commands.ts";

const digits = new URL("../../../examples/digits/v1.0.0", import.meta.url).pathname;

t.test("a bundle's model is measured alone, a row for each count of threads", async (t) => {
  const env = { FERRY_HOME: t.testdir() };
  const ferry = (...args: string[]) => runFerry(args, env);
  const short = ["--threads", "1,2", "--duration", "100ms", "--warm-up", "10ms"];
  const { code, stdout, stderr } = await ferry("bundle", "bench", digits, ...short, "-o", "json");
  t.equal(code, 0);
  const rows = JSON.parse(stdout) as { threads: number; requests: number }[];
  t.same(
    rows.map(({ threads }) => threads),
    [1, 2],
  );
  t.ok(rows.every(({ requests }) => requests > 5));
  t.match(stderr, /1 thread for 0\.1 s, 20 golden cases in turn/);
  t.match(await ferry("bundle", "bench", digits, ...short), { stdout: /THREADS +REQUESTS .*P99\.9/ });
  t.match(await ferry("bundle", "bench", digits, "--threads", "0"), { code: 2, stderr: /--threads is "0"/ });
  t.match(await ferry("bundle", "bench", t.testdirName), { code: 1, stderr: /it has no model\.json/ });
});
