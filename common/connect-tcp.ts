import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Resolves with a socket that is connected to the host and port of the URL; rejects with why not, in time or on abort. */
export async function connectTcp(url: string, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const { hostname, port } = new URL(url);
  // The brackets are the URL's, not the address's.
  const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) || MQTTS_PORT });
  const late = AbortSignal.timeout(timeoutMs);
  try {
    await once(socket, "connect", { signal: AbortSignal.any([signal, late]) });
    return socket;
  } catch (cause) {
    // Whatever it still has to say.
    socket.on("error", () => undefined);
    socket.destroy();
    throw late.aborted ? new Error(`no connection to ${hostname} within ${String(timeoutMs)} ms`, { cause }) : cause;
  }
}

/** What mqtt.js takes for a URL without a port. */
const MQTTS_PORT = 8883;
