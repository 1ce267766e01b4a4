/** Predictions that do not fit one publish travel in parts, in both directions. */
import { Type, type Static } from "typebox";
import { decodeCbor, encodeCbor } from "../cbor.ts";
import { PREDICT_BYTES_MAX, PREDICT_FRAGMENT_BYTES, PUBLISH_BYTES_MAX } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { gate } from "../schema.ts";
import { PredictId } from "./predict-request.ts";

/** Parts of the largest prediction. */
const PARTS_MAX = Math.ceil(PREDICT_BYTES_MAX / PREDICT_FRAGMENT_BYTES);
/** From the first part to the last: on a link that needs longer for 16 MiB, ask for less. */
export const REASSEMBLY_MS_MAX = 5_000;
/** Predictions of which some parts are here and some are not. */
const ASSEMBLIES_MAX = 64;
/** The parts of all of them together: two of the largest predictions, on boards with 1 GB for everything. */
const ASSEMBLIES_BYTES_MAX = 2 * PREDICT_BYTES_MAX;

/** Always CBOR, whatever the encoding of the whole. */
const PredictFragment = Type.Object({
  /** The same in every part, and unlike that of any other message in parts from this sender. */
  id: PredictId,
  /** From 0. */
  part: Type.Integer({ minimum: 0, maximum: PARTS_MAX - 1 }),
  parts: Type.Integer({ minimum: 2, maximum: PARTS_MAX }),
  fragment: Type.Unsafe<Uint8Array>(Type.Refine(Type.Unknown(), (value) => value instanceof Uint8Array)),
});
type PredictFragment = Static<typeof PredictFragment>;

/** What to publish, in this order: the message itself where it fits, else its parts. Throws OVERSIZE. */
export function splitPredictMessage(id: string, message: Uint8Array): Uint8Array[] {
  if (message.byteLength <= PREDICT_FRAGMENT_BYTES) return [message];
  if (message.byteLength > PREDICT_BYTES_MAX) throw oversize(message.byteLength);
  const parts = Math.ceil(message.byteLength / PREDICT_FRAGMENT_BYTES);
  return Array.from({ length: parts }, (_, part) => {
    const fragment = message.subarray(part * PREDICT_FRAGMENT_BYTES, (part + 1) * PREDICT_FRAGMENT_BYTES);
    return encodeCbor({ id, part, parts, fragment });
  });
}

interface Assembly {
  readonly begunMs: number;
  readonly fragments: (Uint8Array | undefined)[];
  bytes: number;
}

/** Puts parts together again, in any order and with duplicates. Time comes in, so that a test can move it. */
export class PredictReassembly {
  readonly #assemblies = new Map<string, Assembly>();
  #heldBytes = 0;

  /**
   * The whole message that a publish is or completes; undefined while parts are missing. `sender` keeps apart what
   * different topics bring. Throws OVERSIZE, MALFORMED or SCHEMA; what cannot be completed is forgotten after a while.
   */
  accept(sender: string, payload: Uint8Array, nowMs: number): Uint8Array | undefined {
    this.#forgetOld(nowMs);
    const fragment = fragmentIn(payload);
    if (fragment === undefined) return payload;
    const key = `${sender} ${fragment.id}`;
    const assembly = this.#assemblies.get(key) ?? this.#begin(key, fragment, nowMs);
    if (assembly.fragments.length !== fragment.parts || fragment.part >= fragment.parts) {
      this.#forget(key);
      throw new ProtocolError(
        "SCHEMA",
        "predict fragment",
        `the parts of ${fragment.id} disagree on how many there are`,
      );
    }
    if (assembly.fragments[fragment.part] !== undefined) return undefined;
    this.#hold(key, assembly, fragment);
    if (assembly.fragments.includes(undefined)) return undefined;
    this.#forget(key);
    return Buffer.concat(assembly.fragments.filter((part) => part !== undefined));
  }

  #begin(key: string, { parts }: PredictFragment, nowMs: number): Assembly {
    if (this.#assemblies.size >= ASSEMBLIES_MAX) throw full();
    const assembly = { begunMs: nowMs, fragments: new Array<Uint8Array | undefined>(parts).fill(undefined), bytes: 0 };
    this.#assemblies.set(key, assembly);
    return assembly;
  }

  #hold(key: string, assembly: Assembly, { part, fragment }: PredictFragment): void {
    const bytes = assembly.bytes + fragment.byteLength;
    const isTooLarge = bytes > PREDICT_BYTES_MAX;
    if (isTooLarge || this.#heldBytes + fragment.byteLength > ASSEMBLIES_BYTES_MAX) {
      this.#forget(key);
      throw isTooLarge ? oversize(bytes) : full();
    }
    assembly.bytes = bytes;
    this.#heldBytes += fragment.byteLength;
    // Copied: the view would keep the whole network buffer alive.
    assembly.fragments[part] = new Uint8Array(fragment);
  }

  #forgetOld(nowMs: number): void {
    for (const [key, { begunMs }] of this.#assemblies) if (nowMs - begunMs > REASSEMBLY_MS_MAX) this.#forget(key);
  }

  #forget(key: string): void {
    this.#heldBytes -= this.#assemblies.get(key)?.bytes ?? 0;
    this.#assemblies.delete(key);
  }
}

const check = gate("predict fragment", PredictFragment);

/** Undefined for a message that is whole. */
function fragmentIn(payload: Uint8Array): PredictFragment | undefined {
  if (payload[0] === "{".charCodeAt(0)) return undefined;
  const value = decodeCbor("predict message", payload, PUBLISH_BYTES_MAX, (decoded: unknown) => decoded);
  return typeof value === "object" && value !== null && "fragment" in value ? check(value) : undefined;
}

function oversize(bytes: number): ProtocolError {
  return new ProtocolError("OVERSIZE", "prediction", `${bytes} bytes, at most ${PREDICT_BYTES_MAX} are allowed`);
}

function full(): ProtocolError {
  return new ProtocolError("OVERSIZE", "prediction", "too many predictions in parts are under way: try again later");
}
