/** A TCP connection over a narrow way: what comes down to the client is let through at so many bytes a second. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface SlowLink extends AsyncDisposable {
  /** To be used in place of the broker's. */
  readonly url: string;
  /** That have come down so far. */
  readonly downBytes: () => number;
}

export interface SlowLinkOptions {
  readonly bytesPerSecond: number;
  /** What each piece waits on its way, besides its place in the queue. */
  readonly delayMs?: number;
}

/** Let through at once: some packets of a mobile network. */
const STEP_BYTES = 8_192;

/** What it cannot pass on yet it does not read: it waits in the buffers of the system and of the broker, as behind a modem. */
export async function openSlowLink(brokerUrl: string, options: SlowLinkOptions): Promise<SlowLink> {
  const { bytesPerSecond, delayMs = 0 } = options;
  const { hostname, port } = new URL(brokerUrl);
  const sockets = new Set<Socket>();
  let downBytes = 0;
  let freeAtMs = 0;

  async function bringDown(from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.byteLength; at += STEP_BYTES) {
        const step = chunk.subarray(at, at + STEP_BYTES);
        freeAtMs = Math.max(freeAtMs, performance.now()) + (step.byteLength * 1_000) / bytesPerSecond;
        await sleep(Math.max(0, freeAtMs - performance.now()));
        downBytes += step.byteLength;
        if (delayMs === 0) to.write(step);
        else setTimeout(() => to.write(step), delayMs);
      }
    }
    to.end();
  }

  const server = createServer((client) => {
    const broker = connect(Number(port), hostname);
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.once("close", () => sockets.delete(socket));
    }
    client.pipe(broker);
    bringDown(broker, client).catch(() => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `mqtt://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    downBytes: () => downBytes,
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
