import { createHash, type Hash } from "node:crypto";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { InferRequest } from "../inference-engine.ts";

/** Enough for a client that tries a few pictures again and again; the one that was met longest ago is forgotten first. */
const CULPRITS_MAX = 64;
/** Somebody else may have ended the runners: a machine without memory, a hand on the wrong process. */
const REMEMBERED_MS = 10 * 60_000;

/** Requests that ended runner after runner: the same one again is refused before it takes another. */
export class Culprits {
  readonly #untilMs = new Map<string, number>();

  note(request: InferRequest, nowMs: number): void {
    const digest = digestOf(request);
    this.#untilMs.delete(digest);
    this.#untilMs.set(digest, nowMs + REMEMBERED_MS);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size > CULPRITS_MAX && oldest !== undefined) this.#untilMs.delete(oldest);
  }

  has(request: InferRequest, nowMs: number): boolean {
    // Nothing is hashed while there is nothing to find.
    if (this.#untilMs.size === 0) return false;
    const digest = digestOf(request);
    const untilMs = this.#untilMs.get(digest);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#untilMs.delete(digest);
    return false;
  }
}

/** Of what the runner sees of it; inputs may come in any order. */
function digestOf({ inputs, outputs }: InferRequest): string {
  const hash = createHash("sha256").update(JSON.stringify(outputs ?? null));
  for (const input of [...inputs].sort((a, b) => (a.name < b.name ? -1 : 1))) addTensor(hash, input);
  return hash.digest("hex");
}

function addTensor(hash: Hash, { name, datatype, shape, bytes }: Tensor): void {
  hash.update(JSON.stringify([name, datatype, shape, bytes.byteLength])).update(bytes);
}
