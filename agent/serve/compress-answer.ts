import { promisify } from "node:util";
import { constants, deflate, gzip } from "node:zlib";
import type { HttpAnswer } from "./http-answer.ts";

const COMPRESS = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

/** A packet holds as much: less is not worth the time of either side. */
const BYTES_MIN = 1_400;

/**
 * For whoever asks for one encoding by name, as Triton's client does. Browsers and HTTP libraries name several with every
 * request without needing any: on a device's own loopback that would cost more time than it saves.
 */
export async function compressAnswer(answer: HttpAnswer, acceptEncoding: string | undefined): Promise<HttpAnswer> {
  const encoding = acceptEncoding?.trim().toLowerCase();
  const { status, body, headers } = answer;
  // Triton's client decompresses outputs, and reads errors as they come.
  if (status !== 200 || (encoding !== "gzip" && encoding !== "deflate")) return answer;
  const whole = body instanceof Array ? Buffer.concat(body) : body;
  if (Buffer.byteLength(whole) < BYTES_MIN) return answer;
  const compressed = await COMPRESS[encoding](whole, { level: constants.Z_BEST_SPEED });
  return {
    ...answer,
    headers: { ...headers, "content-encoding": encoding, vary: "accept-encoding" },
    body: compressed,
  };
}
