/** HTTP by hand, byte for byte: what no client library would send. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A connection that is open when this resolves. Its errors are the other side's right. */
export async function openSocket(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.on("error", () => undefined);
  return socket;
}

/** Sends the parts, and resolves to all answers once the server has closed the connection. */
export async function sendRaw(url: string, ...parts: readonly (string | Uint8Array)[]): Promise<RawAnswer[]> {
  const socket = await openSocket(url);
  for (const part of parts) socket.write(part);
  return answersOn(socket);
}

/** The answers that come until the server closes the connection. */
export async function answersOn(socket: Socket): Promise<RawAnswer[]> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  return answersIn(Buffer.concat(chunks));
}

/** Interim answers (1xx) included; bodies have the length that their header says. */
export function answersIn(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf("\r\n\r\n", at);
    if (end < 0) break;
    const [line = "", ...fields] = bytes.toString("latin1", at, end).split("\r\n");
    const headers = Object.fromEntries(
      fields.map((field) => [
        field.slice(0, field.indexOf(":")).toLowerCase(),
        field.slice(field.indexOf(":") + 1).trim(),
      ]),
    );
    const bodyAt = end + 4;
    at = bodyAt + Number(headers["content-length"] ?? 0);
    answers.push({ status: Number(line.split(" ")[1]), headers, body: bytes.subarray(bodyAt, at) });
  }
  return answers;
}
