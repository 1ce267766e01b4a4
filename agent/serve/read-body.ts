import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { HttpError } from "./http-answer.ts";

/** One body, before and after decompression: the largest prediction that the protocol allows, written as JSON. */
export const BODY_BYTES_MAX = 64 * 1024 ** 2;
/** All bodies that are being read at one moment: small boards have 1 GB for everything. */
const BODIES_BYTES_MAX = 128 * 1024 ** 2;

const DECOMPRESS = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

/** Reads bodies of requests within a common bound of memory. */
export class BodyReader {
  #heldBytes = 0;

  /** Throws HttpError: 400 (cut short, not what its encoding says), 413, 415, or 429 when too much is being read. */
  async read(request: IncomingMessage): Promise<Uint8Array> {
    const declaredBytes = Number(request.headers["content-length"] ?? 0);
    if (declaredBytes > BODY_BYTES_MAX) throw tooLarge(`${declaredBytes} bytes`);
    const raw = await this.#collect(request);
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding === "identity") return raw;
    if (encoding !== "gzip" && encoding !== "deflate") {
      throw new HttpError(415, `Content-Encoding ${encoding} is not known here; use gzip, deflate or none`);
    }
    return decompress(encoding, raw);
  }

  async #collect(request: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.byteLength;
        this.#heldBytes += chunk.byteLength;
        if (bytes > BODY_BYTES_MAX) throw tooLarge("more");
        if (this.#heldBytes > BODIES_BYTES_MAX) throw tooManyAtOnce();
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    } catch (error) {
      throw error instanceof HttpError ? error : new HttpError(400, `The body ended early: ${messageOf(error)}`);
    } finally {
      this.#heldBytes -= bytes;
    }
  }
}

async function decompress(encoding: keyof typeof DECOMPRESS, raw: Uint8Array): Promise<Uint8Array> {
  try {
    return await DECOMPRESS[encoding](raw, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    if (systemCodeOf(error) === "ERR_BUFFER_TOO_LARGE") throw tooLarge("more when decompressed");
    throw new HttpError(400, `The body is not ${encoding}, as its Content-Encoding says: ${messageOf(error)}`);
  }
}

function tooLarge(size: string): HttpError {
  return new HttpError(413, `The body has ${size}; at most ${BODY_BYTES_MAX} bytes are taken`, { connection: "close" });
}

function tooManyAtOnce(): HttpError {
  const message = "Other requests fill the memory for bodies: try again in a second";
  return new HttpError(429, message, { "retry-after": "1", connection: "close" });
}
