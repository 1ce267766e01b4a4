/** Runs in the runner: what the model says to requests that came together. */
import { FerryError, messageOf } from "../../../common/ferry-error.ts";
import { joinInputs, rowsOf, splitRows } from "../../../common/onnx-batch.ts";
import type { OnnxSession } from "../../../common/onnx-session.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { RequestOutcome, ToRunner } from "./runner-messages.ts";
import { faultOf } from "./sound-outputs.ts";

export interface ComputePorts {
  readonly session: Pick<OnnxSession, "run">;
  /** By output, where `model.json` declares one. */
  readonly ranges: (ToRunner & { kind: "load" })["ranges"];
}

type Asked = Pick<ToRunner & { kind: "infer" }, "requests" | "outputs">;

/** One outcome for each request, in their order. Where the batch fails each is computed alone: none fails for another's sake. */
export async function computeRequests(ports: ComputePorts, { requests, outputs }: Asked): Promise<RequestOutcome[]> {
  const together = requests.length > 1 ? await computeTogether(ports, requests, outputs) : undefined;
  if (together !== undefined) return together;
  const alone: RequestOutcome[] = [];
  for (const inputs of requests) alone.push(await computeAlone(ports, inputs, outputs));
  return alone;
}

/** Undefined where the model refuses the batch, or answers it otherwise than row by row. */
async function computeTogether(
  { session, ranges }: ComputePorts,
  requests: readonly (readonly Tensor[])[],
  wanted: readonly string[] | undefined,
): Promise<RequestOutcome[] | undefined> {
  const startedMs = performance.now();
  try {
    const rows = requests.map((inputs) => rowsOf(inputs) ?? 0);
    const parts = splitRows(await session.run(joinInputs(requests), wanted), rows);
    const inferMs = performance.now() - startedMs;
    return parts?.map((outputs, at) => {
      const fault = faultOf(outputs, requests[at] ?? [], ranges);
      return { kind: "outputs", outputs, fault, inferMs, batchSize: requests.length };
    });
  } catch {
    // Whichever request is at fault hears of it when it is computed alone.
    return undefined;
  }
}

async function computeAlone(
  { session, ranges }: ComputePorts,
  inputs: readonly Tensor[],
  wanted: readonly string[] | undefined,
): Promise<RequestOutcome> {
  const startedMs = performance.now();
  try {
    const outputs = await session.run(inputs, wanted);
    const inferMs = performance.now() - startedMs;
    return { kind: "outputs", outputs, fault: faultOf(outputs, inputs, ranges), inferMs, batchSize: 1 };
  } catch (error) {
    return { kind: "refused", code: error instanceof FerryError ? error.code : "internal", message: messageOf(error) };
  }
}
