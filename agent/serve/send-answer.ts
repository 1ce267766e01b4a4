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
  const pieces = piecesOf(answer.body);
  const bodyBytes = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
  // A body that was not read to its end would be taken for the next request.
  const isBodyLeft = !request.complete;
  response.writeHead(answer.status, {
    ...answer.headers,
    "content-length": bodyBytes,
    ...(isLast || isBodyLeft ? { connection: "close" } : {}),
  });
  const shown = request.method === "HEAD" || bodyBytes === 0 ? [] : pieces;
  if (isBodyLeft && mayBodyCome) {
    endAfterBody(request, response, shown, lingerMs);
    return;
  }
  // Node.js writes all that comes in one turn at once.
  for (const piece of shown.slice(0, -1)) response.write(piece);
  response.end(shown.at(-1));
}

/** Up to here a copy is cheaper than another piece. */
const COPIED_BYTES_MAX = 16_384;

/** Text stays text: Node.js then writes head and body as one. */
function piecesOf(body: HttpAnswer["body"]): readonly (string | Uint8Array)[] {
  if (typeof body === "string" || body instanceof Uint8Array) return [body];
  const bytes = body.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return bytes <= COPIED_BYTES_MAX ? [Buffer.concat(body, bytes)] : body;
}

function endAfterBody(
  request: IncomingMessage,
  response: ServerResponse,
  pieces: readonly (string | Uint8Array)[],
  lingerMs: number,
): void {
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  if (pieces.length === 0) response.flushHeaders();
  for (const piece of pieces) response.write(piece);
  request.once("end", end).once("close", end).resume();
}
