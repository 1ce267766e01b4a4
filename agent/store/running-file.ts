/** `running.json`: tells the commands on this device which process is the agent, and where its HTTP port listens. */
import { readFile, rm } from "node:fs/promises";
import { Type, type Static } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";
import { writeFileDurably } from "./durable-file.ts";

const RunningFile = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  httpUrl: Type.String({ maxLength: 512 }),
});
type RunningFile = Static<typeof RunningFile>;

/** Two short fields. */
const RUNNING_BYTES_MAX = 4_096;

const check = gate("running.json", RunningFile);

/** Removed when it is disposed of; a process that was killed leaves it behind, so it proves nothing by itself. */
export async function openRunningFile(path: string, content: RunningFile): Promise<AsyncDisposable> {
  await writeFileDurably(path, `${JSON.stringify(content)}\n`);
  return {
    [Symbol.asyncDispose]: async () => {
      await rm(path, { force: true });
    },
  };
}

/** Undefined where there is none, or none that can be read. */
export async function readRunningFile(path: string): Promise<RunningFile | undefined> {
  try {
    return parseJson("running.json", await readFile(path), RUNNING_BYTES_MAX, check);
  } catch {
    return undefined;
  }
}
