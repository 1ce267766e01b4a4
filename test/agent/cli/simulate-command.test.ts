import t from "tap";
import { Command } from "commander";
import { addSimulateCommand } from "../../../agent/cli/simulate-command.ts";

async function run(...args: readonly string[]): Promise<number | undefined> {
  let code: number | undefined;
  const program = new Command("ferry-agent").exitOverride().configureOutput({ writeErr: () => undefined });
  addSimulateCommand(program, { say: () => undefined, onExit: (exit) => (code = exit) });
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
  await program.parseAsync(["simulate", ...args], { from: "user" });
  return code;
}

const wrong: readonly [readonly string[], RegExp][] = [
  [["--count", "0"], /From 1 to 2000 devices/],
  [["--count", "many"], /A whole number is wanted/],
  [["--fail-rate", "2"], /A share from 0 to 1/],
  [["--offline-share", "0.95"], /At most 0\.9/],
  [["--latency", "0"], /Milliseconds above 0/],
  [["--tokens", "file", "--broker", "mqtt://127.0.0.1:1"], /cannot be used with/],
];
for (const [args, message] of wrong) {
  t.test(`${args.join(" ")} is refused with what is wanted`, async (t) => {
    await t.rejects(run(...args), { message });
  });
}

t.test("without a way to join, it says what is missing", async (t) => {
  await t.rejects(run("--count", "1", "--dir", t.testdir()), { code: "usage", message: /has not joined yet/ });
});
