/** What commands ask the agent that runs from a folder on this machine. */
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { agentFolder, readAgentConfig } from "../config.ts";
import { readHttpToken } from "../http-tokens.ts";
import { readRunningFile } from "../store/running-file.ts";

export interface LocalRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly timeoutMs: number;
}

/** Shows the token where one is asked for. Throws FerryError `not-joined`, or `not-running` where nobody answers. */
export async function askLocalAgent(directory: string, path: string, request: LocalRequest): Promise<Response> {
  const folder = agentFolder(directory);
  await readAgentConfig(folder);
  const running = await readRunningFile(folder.running);
  if (running === undefined) throw notRunning(folder.directory);
  const { method = "GET", headers = {}, body, timeoutMs } = request;
  const token = readHttpToken(folder, "caller");
  try {
    return await fetch(running.httpUrl + path, {
      method,
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (cause) {
    throw notRunning(folder.directory, cause);
  }
}

export function notRunning(directory: string, cause?: unknown): FerryError {
  const why = cause === undefined ? "" : ` (${messageOf(cause)})`;
  return new FerryError("not-running", `The agent in ${directory} does not answer${why}`, {
    hint: `Start it with: ferry-agent run --dir ${directory}`,
    exitCode: EXIT.unreachable,
    ...(cause === undefined ? {} : { cause }),
  });
}
