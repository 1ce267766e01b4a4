import { join } from "node:path";
import t from "tap";
import { runFerry } from "../../support/ferry-commands.ts";

const digits = new URL("../../../examples/digits/v1.1.0", import.meta.url).pathname;

t.test("a bundle is optimised with a table of what it costs", async (t) => {
  const env = { FERRY_HOME: t.testdir() };
  const ferry = (...args: string[]) => runFerry(args, env);
  const output = join(t.testdirName, "small");

  const refused = await ferry("bundle", "optimize", digits, output, "--int8");
  t.equal(refused.code, 1);
  t.match(
    refused.stdout,
    /MODEL +SIZE +LOAD +P50 +P95 +MAX DIFF +MEAN DIFF +TOP-1 SAME +GOLDEN SET\nas it is .*✔ 20 of 20\nint8 weights .*✖ 19 of 20\n/,
  );
  t.match(refused.stderr, /hint: +Nothing was written.*--tolerance 0\.00/);

  const done = await ferry("bundle", "optimize", digits, output, "--int8", "weights", "--tolerance", "0.01");
  t.match(done, {
    code: 0,
    stdout: /✔ digits@1\.1\.0-int8 \(int8 weights\) is in/,
    stderr: /Next:\n {2}ferry bundle sign/,
  });
  const json = await ferry("bundle", "optimize", digits, output, "--level", "all", "--force", "-o", "json");
  t.match(JSON.parse(json.stdout), {
    chosen: "all",
    figures: [{ name: "as it is" }, { name: "all", accuracy: { top1Agreement: 1 } }],
  });
  t.match(json.stderr, /this class of processor/);

  for (const [args, message] of [
    [[], /What should become of the bundle/],
    [["--int8", "--tolerance", "much"], /--tolerance is "much"/],
    [["--level", "most"], /Allowed choices are basic, extended, all/],
  ] as const) {
    t.match(await ferry("bundle", "optimize", digits, output, ...args), { code: 2, stderr: message });
  }
});
