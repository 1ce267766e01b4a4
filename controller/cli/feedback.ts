import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { FeedbackEntries, type FeedbackAnswer } from "../../protocol/messages/feedback.ts";
import { gate } from "../../protocol/schema.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { counted } from "./human.ts";
import { deviceId, modelName } from "./ids.ts";
import { printOne } from "./output.ts";

interface Options extends RemoteCommandOptions {
  readonly value?: readonly string[];
  readonly file?: string;
}

export function addFeedbackCommand(program: Command): void {
  const command = program
    .command("feedback <device> <model> [id] [label]")
    .description("tell a device what was true of a prediction that it made: its accuracy is told from that")
    .option("--value <number...>", "what should have been predicted, in the place of a label")
    .option("--file <file>", 'many at once, as JSON: [{"id": "r-1", "label": "7"}, {"id": "r-2", "value": 3.5}]')
    .action(tell);
  withRemote(
    command,
    "ferry feedback cam-0017 digits r-1 7",
    "ferry feedback cam-0017 demand r-2 --value 3.5",
    "ferry feedback cam-0017 digits --file truth.json",
  );
}

async function tell(
  device: string,
  model: string,
  id: string | undefined,
  label: string | undefined,
  options: Options,
): Promise<void> {
  const format = formatOf(options);
  const params = { device: deviceId(device), model: modelName(model) };
  const feedback = options.file === undefined ? [entryOf(id, label, options.value)] : await entriesIn(options.file, id);
  const answer = await clientOf(options).feedback({ params, body: { feedback } });
  printOne(answer, format, () => describe(answer), String(answer.joined));
  if (answer.joined + answer.duplicate === 0) process.exitCode = EXIT.notFound;
}

function entryOf(id: string | undefined, label: string | undefined, values: Options["value"]): FeedbackEntries[number] {
  if (id === undefined || (label === undefined) === (values === undefined)) {
    throw usage("Which prediction, and what was true?", "Give its ID and a LABEL, or its ID and --value NUMBER.");
  }
  if (label !== undefined) return { id, label };
  const numbers = (values ?? []).map(Number);
  if (numbers.every(Number.isFinite)) return { id, values: numbers };
  throw usage(`--value: ${(values ?? []).join(" ")} is no number`, "Give numbers such as 3.5.");
}

const check = gate("feedback", FeedbackEntries);

async function entriesIn(file: string, id: string | undefined): Promise<FeedbackEntries> {
  if (id !== undefined)
    throw usage(`With --file the file says everything: ${id} has no place beside it`, `Write it into ${file}.`);
  try {
    return check(JSON.parse(await readFile(file, "utf8")));
  } catch (cause) {
    throw new FerryError("bad-input", `Cannot use ${file} as feedback: ${messageOf(cause)}`, {
      hint: 'It must be JSON such as [{"id": "r-1", "label": "7"}, {"id": "r-2", "value": 3.5}].',
      exitCode: EXIT.usage,
      cause,
    });
  }
}

function describe({ joined, duplicate, unknown, unfit, problems }: FeedbackAnswer): string {
  const parts = [
    ...(duplicate === 0 ? [] : [`${duplicate} known already`]),
    ...(unknown === 0 ? [] : [`${unknown} of unknown predictions`]),
    ...(unfit === 0 ? [] : [`${unfit} that do not fit`]),
  ];
  const mark = joined === 0 ? pc.yellow("!") : pc.green("✔");
  return [
    `${mark} ${counted(joined, "prediction")} judged${parts.length === 0 ? "" : `, ${parts.join(", ")}`}`,
    ...problems.map(({ id, why }) => `  ${pc.bold(id)}  ${why}`),
  ].join("\n");
}

function usage(message: string, hint: string): FerryError {
  return new FerryError("usage", message, { hint, exitCode: EXIT.usage });
}
