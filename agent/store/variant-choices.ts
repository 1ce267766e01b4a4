/** `variants.json`: which variant of each bundle was the fastest here, on how many threads, so that a restart does not measure again. */
import { readFile } from "node:fs/promises";
import { Type, type Static } from "typebox";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { StatementDigest } from "../../protocol/ids.ts";
import { gate, parseJson } from "../../protocol/schema.ts";
import { VariantFigures } from "../../protocol/trust/evidence.ts";
import type { VariantMemory } from "../inference/qualify/best-variant.ts";
import { writeFileDurably } from "./durable-file.ts";

/** Of the processors of a device, and no sign of a damaged file. */
const THREADS_MAX = 1_024;

const VariantsFile = Type.Object({
  /** Of the machine and the onnxruntime on which they were measured: on another they prove nothing. */
  measuredOn: Type.String(),
  choices: Type.Array(
    Type.Object({
      statement: StatementDigest,
      variant: Type.String({ maxLength: 32 }),
      provider: Type.String({ maxLength: 32 }),
      figures: Type.Array(VariantFigures),
      intraOpThreads: Type.Optional(Type.Integer({ minimum: 1, maximum: THREADS_MAX })),
    }),
  ),
});
type VariantsFile = Static<typeof VariantsFile>;

/** More bundles than a device holds; the oldest choice is forgotten first. */
const CHOICES_MAX = 64;
/** 64 choices with figures of six variants each, and their sentences. */
const FILE_BYTES_MAX = 262_144;

const check = gate("variants.json", VariantsFile);

/**
 * Nothing of it is believed but as a hint: the variant is one of those that the publisher signed, and passes its self-test
 * again before it serves. A file that cannot be read, or was written for another `machine`, is as good as none.
 */
export async function openVariantChoices(path: string, machine: string, log: Log): Promise<VariantMemory> {
  const stored = await read(path);
  let choices = stored?.measuredOn === machine ? stored.choices : [];
  return {
    recall: (statement) => choices.find((choice) => choice.statement === statement),
    remember: async (statement, { figures, ...choice }) => {
      const others = choices.filter((other) => other.statement !== statement);
      choices = [...others, { statement, ...choice, figures: [...figures] }].slice(-CHOICES_MAX);
      const file: VariantsFile = { measuredOn: machine, choices };
      await writeFileDurably(path, `${JSON.stringify(file)}\n`).catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, "cannot remember the choice of a variant; a restart measures again");
      });
    },
  };
}

async function read(path: string): Promise<VariantsFile | undefined> {
  try {
    return parseJson("variants.json", await readFile(path), FILE_BYTES_MAX, check);
  } catch {
    return undefined;
  }
}
