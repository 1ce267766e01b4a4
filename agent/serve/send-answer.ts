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
  const { body } = answer;
  // Text stays text: Node.js then writes head and body at once.
  const bodyBytes = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
  // A body that was not read to its end would be taken for the next request.
  const isBodyLeft = !request.complete;
  response.writeHead(answer.status, {
    ...answer.headers,
    "content-length": bodyBytes,
    ...(isLast || isBodyLeft ? { connection: "close" } : {}),
  });
  const shown = request.method === "HEAD" || bodyBytes === 0 ? undefined : body;
  if (isBodyLeft && mayBodyCome) endAfterBody(request, response, shown, lingerMs);
  else response.end(shown);
}

function endAfterBody(
  request: IncomingMessage,
  response: ServerResponse,
  body: string | Uint8Array | undefined,
  lingerMs: number,
): void {
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  if (body === undefined) response.flushHeaders();
  else response.write(body);
  request.once("end", end).once("close", end).resume();
}
