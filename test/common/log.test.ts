import t from "tap";
import { execFileSync } from "node:child_process";

t.test("log lines are JSON on standard error with time, program and message; standard output stays free", async (t) => {
  const script = `import { openLog } from ${JSON.stringify(new URL("../../common/log.ts", import.meta.url).href)}; openLog("ferry", "info").info({ device: "cam-1" }, "hello");`;
  const output = execFileSync(
    "/bin/sh",
    ["-c", `"$0" --input-type=module -e "$1" 2>&1 >/dev/null`, process.execPath, script],
    { encoding: "utf8" },
  );
  const line: unknown = JSON.parse(output.trim().split("\n").at(-1) ?? "");
  t.match(line, { program: "ferry", device: "cam-1", msg: "hello", time: /^\d{4}-/ });
});
