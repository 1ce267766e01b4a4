import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { brokerAddress } from "./broker-address.ts";

/** Resolves with a socket that is connected to the broker of this URL; rejects with why not, in time or on abort. */
export async function connectTcp(url: string, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const { host, port } = brokerAddress(url);
  const socket = connect({ host, port });
  const late = AbortSignal.timeout(timeoutMs);
  try {
    await once(socket, "connect", { signal: AbortSignal.any([signal, late]) });
    return socket;
  } catch (cause) {
    // Whatever it still has to say.
    socket.on("error", () => undefined);
    socket.destroy();
    throw late.aborted ? new Error(`no connection to ${host} within ${String(timeoutMs)} ms`, { cause }) : cause;
  }
}
