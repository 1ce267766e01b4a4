/** `ferry-agent predict`: one request to a model on this device, from a file. */
import { readFile } from "node:fs/promises";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { askLocalAgent } from "./local-agent.ts";

export interface PredictOptions {
  readonly dir: string;
  readonly input: string;
}

/** The agent itself gives up earlier, and says why. */
const ANSWER_WAIT_MS = 35_000;

/**
 * The answer as JSON. The file is what `POST /predict` takes: JSON, `.npy`, a picture or a sound; or OIP v2's JSON. Throws
 * FerryError `bad-input`, `prediction-refused`, or what the agent's folder or its silence give.
 */
export async function predictLocally(model: string, { dir, input }: PredictOptions): Promise<string> {
  const body = await readInput(input);
  const name = encodeURIComponent(model);
  const path = isOip(body) ? `/v2/models/${name}/infer` : `/predict/${name}`;
  const response = await askLocalAgent(dir, path, { method: "POST", body, timeoutMs: ANSWER_WAIT_MS });
  const answer: unknown = await response.json();
  if (response.ok) return JSON.stringify(answer, undefined, 2);
  const why = typeof answer === "object" && answer !== null && "error" in answer ? String(answer.error) : "no reason";
  throw new FerryError("prediction-refused", `${model} answered ${response.status}: ${why}`, {
    hint: `GET /v2/models/${name}/docs on this device shows what it takes, with examples; \`ferry-agent status\` lists the models.`,
    exitCode: response.status === 404 ? EXIT.notFound : EXIT.failed,
  });
}

async function readInput(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return Uint8Array.from(await readFile(file));
  } catch (cause) {
    throw new FerryError("bad-input", `Cannot read ${file}: ${messageOf(cause)}`, {
      hint: 'Name a file with a request, such as {"inputs": {"x": [[0, 1]]}}, a .npy array, a picture or a sound.',
      exitCode: EXIT.usage,
      cause,
    });
  }
}

/** OIP v2 has its inputs in an array, `/predict` by their names. */
function isOip(body: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null && "inputs" in value && Array.isArray(value.inputs);
  } catch {
    return false;
  }
}
