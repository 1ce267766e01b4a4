import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { systemCodeOf } from "../../common/ferry-error.ts";
import { errorShapeOf } from "./dialects/error-shapes.ts";
import { pathOf } from "./routes.ts";

/**
 * What Node's parser refuses is answered here and the connection closed: what never became a request has no path, and is
 * told as OIP v2 tells errors; what broke within a body is told in the words of its path's dialect.
 */
export function answerClientErrors(server: Server, lingerMs: number): void {
  const refused = new WeakSet<Duplex>();
  const underWay = new WeakMap<Duplex, Set<ServerResponse>>();

  for (const event of ["request", "checkContinue", "checkExpectation"] as const) {
    server.prependListener(event, ({ socket }: IncomingMessage, response: ServerResponse) => {
      const responses = underWay.get(socket) ?? new Set();
      underWay.set(socket, responses.add(response));
      response.once("close", () => responses.delete(response));
    });
  }
  server.on("clientError", (error: Error, socket: Duplex) => {
    // What follows the first error on a connection is its rest: it is thrown away.
    if (refused.has(socket)) return;
    refused.add(socket);
    const [status, message] = explain(systemCodeOf(error) ?? "");
    const [response, ...others] = underWay.get(socket) ?? [];
    // In the middle of another answer, or before one that must come first, nothing else can be said.
    const isBegun = others.length > 0 || response?.headersSent === true;
    if (status === 0 || isBegun || !socket.writable) {
      socket.destroy();
      return;
    }
    if (response?.socket) response.detachSocket(response.socket);
    socket.end(rawAnswer(status, errorShapeOf(pathOf(response?.req.url ?? "/"))(status, message)));
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once("close", () => {
      clearTimeout(timer);
    });
  });
}

/** 0: nobody is there any more to be told. */
function explain(code: string): readonly [status: number, message: string] {
  switch (code) {
    case "ECONNRESET":
    case "EPIPE":
      return [0, ""];
    case "HPE_HEADER_OVERFLOW":
      return [431, "The request line and the headers are larger than the 16 KiB that are taken"];
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return [413, "The chunks of the body have extensions larger than the 16 KiB that are taken"];
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return [408, "The request did not come in time: send its headers within 15 s, and the whole within 60 s"];
    default:
      return [400, `This is no HTTP request${code === "" ? "" : ` (${code})`}`];
  }
}

function rawAnswer(status: number, error: object): string {
  const body = JSON.stringify(error);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
    "",
    body,
  ].join("\r\n");
}
