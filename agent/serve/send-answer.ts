import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpAnswer } from "./http-answer.ts";

export interface SendOptions {
  /** The connection closes after this answer. */
  readonly isLast: boolean;
  /** False for a client that asked whether it may send its body (`Expect: 100-continue`) and got no leave. */
  readonly mayBodyCome: boolean;
  /** What a client still sends of its body after the answer is thrown away for so long, and the connection closed then. */
  readonly lingerMs: number;
}

export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: HttpAnswer,
  { isLast, mayBodyCome, lingerMs }: SendOptions,
): void {
  const { pieces, encoding } = piecesOf(answer.body);
  const bodyBytes = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece, encoding), 0);
  // A body that was not read to its end would be taken for the next request.
  const isBodyLeft = !request.complete;
  response.writeHead(answer.status, {
    ...answer.headers,
    "content-length": bodyBytes,
    ...(isLast || isBodyLeft ? { connection: "close" } : {}),
  });
  const shown = request.method === "HEAD" || bodyBytes === 0 ? [] : pieces;
  if (isBodyLeft && mayBodyCome) {
    endAfterBody(request, response, { pieces: shown, encoding }, lingerMs);
    return;
  }
  // Node.js writes all that comes in one turn at once.
  for (const piece of shown.slice(0, -1)) response.write(piece, encoding);
  response.end(shown.at(-1), encoding);
}

interface Pieces {
  readonly pieces: readonly (string | Uint8Array)[];
  /** Of those that are text. */
  readonly encoding: "utf8" | "latin1";
}

/** Up to here a copy is cheaper than another piece. */
const COPIED_BYTES_MAX = 16_384;

/** Text goes out in one piece with the head, in a plain write; so few bytes are made text, a character for each. */
function piecesOf(body: HttpAnswer["body"]): Pieces {
  if (typeof body === "string") return { pieces: [body], encoding: "utf8" };
  const pieces = body instanceof Uint8Array ? [body] : body;
  const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (bytes > COPIED_BYTES_MAX) return { pieces, encoding: "utf8" };
  return { pieces: [Buffer.concat(pieces, bytes).toString("latin1")], encoding: "latin1" };
}

function endAfterBody(
  request: IncomingMessage,
  response: ServerResponse,
  { pieces, encoding }: Pieces,
  lingerMs: number,
): void {
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  if (pieces.length === 0) response.flushHeaders();
  for (const piece of pieces) response.write(piece, encoding);
  request.once("end", end).once("close", end).resume();
}
