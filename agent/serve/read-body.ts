import type { IncomingMessage } from "node:http";
import type { Readable, Transform } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { giveBack } from "../../common/give-back.ts";
import { messageOf } from "../../common/ferry-error.ts";
import { HttpError } from "./http-answer.ts";

/** One body, before and after decompression: the largest prediction that the protocol allows, written as JSON. */
export const BODY_BYTES_MAX = 64 * 1024 ** 2;
/** All bodies whose requests are not answered yet: small boards have 1 GB for everything. */
const BODIES_BYTES_MAX = 128 * 1024 ** 2;
/** Of each body, taken whatever the others hold: large bodies that come slowly must not keep small ones out. */
const ALWAYS_TAKEN_BYTES = 65_536;
/** From the first look at a body to its end: 64 MiB in this time is 12 Mbit/s, slower than any local network. */
export const BODY_MS_MAX = 45_000;

type Encoding = "identity" | "gzip" | "deflate";

export interface RequestBody extends Disposable {
  /** The whole body, decompressed. Throws HttpError: 400 (cut short, not what its encoding says), 408, 413, 415, 429. */
  readonly read: () => Promise<Uint8Array>;
  /** Frees the memory of what was read, which nobody may hold any more. */
  readonly free: () => void;
}

/** Reads bodies of requests within a common bound of memory. */
export class BodyReader {
  readonly #bodyMs: number;
  #heldBytes = 0;

  constructor({ bodyMs = BODY_MS_MAX }: { readonly bodyMs?: number } = {}) {
    this.#bodyMs = bodyMs;
  }

  /** `onBegin` is told before the first byte is read. Disposed of when the request is answered: until then it is held. */
  of(request: IncomingMessage, onBegin: () => void = () => undefined): RequestBody {
    const held = { bytes: 0, counted: 0 };
    let body: Uint8Array | undefined;
    const hold = (bytes: number) => {
      held.bytes += bytes;
      if (held.bytes > BODY_BYTES_MAX) throw tooLarge("more");
      const counted = Math.max(0, held.bytes - ALWAYS_TAKEN_BYTES);
      this.#heldBytes += counted - held.counted;
      held.counted = counted;
      if (counted > 0 && this.#heldBytes > BODIES_BYTES_MAX) throw tooManyAtOnce();
    };
    return {
      read: async () => {
        const encoding = encodingOf(request);
        const declaredBytes = Number(request.headers["content-length"] ?? 0);
        if (declaredBytes > BODY_BYTES_MAX) throw tooLarge(`${declaredBytes} bytes`);
        onBegin();
        body = await receive(request, encoding, hold, this.#bodyMs);
        return body;
      },
      free: () => {
        if (body !== undefined) giveBack(body);
      },
      [Symbol.dispose]: () => {
        this.#heldBytes -= held.counted;
        held.counted = 0;
      },
    };
  }
}

function encodingOf(request: IncomingMessage): Encoding {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (encoding === "identity" || encoding === "gzip" || encoding === "deflate") return encoding;
  throw new HttpError(415, `Content-Encoding ${encoding} is not known here; use gzip, deflate or none`);
}

/** Leaves the request as it is where it throws: whoever answers says what becomes of the rest. */
async function receive(
  request: IncomingMessage,
  encoding: Encoding,
  hold: (bytes: number) => void,
  bodyMs: number,
): Promise<Uint8Array> {
  const decoder = decoderOf(encoding);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let rawBytes = 0;
  const keep = (chunk: Buffer) => {
    try {
      hold(chunk.byteLength);
      chunks.push(chunk);
    } catch (error) {
      reject(error);
    }
  };
  const count = (chunk: Buffer) => {
    rawBytes += chunk.byteLength;
    if (rawBytes > BODY_BYTES_MAX) reject(tooLarge("more"));
  };
  const late = setTimeout(() => {
    reject(new HttpError(408, `The body did not come within ${bodyMs / 1_000} s`));
  }, bodyMs);
  // It stays: a request that breaks after its answer has nobody else who listens.
  request.on("error", (error) => {
    reject(new HttpError(400, `The body ended early: ${messageOf(error)}`));
  });
  decoder?.on("error", (error) => {
    reject(new HttpError(400, `The body is not ${encoding}, as its Content-Encoding says: ${messageOf(error)}`));
  });
  const source: Readable = decoder === undefined ? request : request.on("data", count).pipe(decoder);
  source.on("data", keep).on("end", () => {
    resolve(joined(chunks, binaryAt(request)));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    request.off("data", count).off("data", keep).unpipe();
    decoder?.destroy();
  }
}

/** Tensors that follow a JSON head begin there (OIP v2, binary tensor extension); 0 where none do. */
function binaryAt({ headers }: IncomingMessage): number {
  const length = Number(headers["inference-header-content-length"] ?? 0);
  return Number.isSafeInteger(length) && length > 0 ? length : 0;
}

const ALIGNMENT = 8;

/** In memory that is the body's alone, and so that what begins at `alignedAt` lies where typed arrays may share it. */
function joined(chunks: readonly Buffer[], alignedAt: number): Uint8Array {
  const [only, ...others] = chunks;
  if (only !== undefined && others.length === 0) return only;
  const gap = (ALIGNMENT - (alignedAt % ALIGNMENT)) % ALIGNMENT;
  const whole = Buffer.allocUnsafeSlow(gap + chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = gap;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
    giveBack(chunk);
  }
  return whole.subarray(gap);
}

function decoderOf(encoding: Encoding): Transform | undefined {
  switch (encoding) {
    case "gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "identity":
      return undefined;
  }
}

function tooLarge(size: string): HttpError {
  return new HttpError(413, `The body has ${size}; at most ${BODY_BYTES_MAX} bytes are taken`);
}

function tooManyAtOnce(): HttpError {
  const message = "Other requests fill the memory for bodies: try again in a second";
  return new HttpError(429, message, { "retry-after": "1" });
}
