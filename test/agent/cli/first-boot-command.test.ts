import t from "tap";
import { Command, Option } from "commander";
import { addFirstBootCommand } from "../../../agent/cli/first-boot-command.ts";

function commandOf(printed: string[]): Command {
  const program = new Command().exitOverride();
  addFirstBootCommand(program, new Option("--dir <folder>"), {
    print: (text) => printed.push(text),
    say: (text) => printed.push(text),
  });
  return program;
}

t.test("a device that has joined is left alone, whatever its boot partition says", async (t) => {
  const folder = t.testdir({ "agent.json": "{}" });
  const printed: string[] = [];
  await commandOf(printed).parseAsync(["first-boot", "--file", `${folder}/none`, "--dir", folder], { from: "user" });
  t.match(printed, [/has joined already/]);
});

t.test("one that has not reads the file", async (t) => {
  const folder = t.testdir({ env: "FERRY_TOKEN=\n" });
  const command = commandOf([]).parseAsync(["first-boot", "--file", `${folder}/env`, "--dir", folder], {
    from: "user",
  });
  await t.rejects(command, { code: "boot-file", message: /no FERRY_TOKEN/ });
});
