/** Counts what goes through a TCP connection, without looking into it. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface CountingProxy extends AsyncDisposable {
  readonly port: number;
  readonly count: () => WireCount;
}

export interface WireCount {
  readonly bytes: number;
  /** Pieces in which they came, either way: about as many packets, as long as they are small. */
  readonly packets: number;
  readonly connections: number;
}

export async function openCountingProxy(port: number): Promise<CountingProxy> {
  let [bytes, packets, connections] = [0, 0, 0];
  const sockets = new Set<Socket>();
  const carry = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (data) => {
      bytes += data.byteLength;
      packets += 1;
      to.write(data);
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      to.end();
    });
  };
  const server = createServer((socket) => {
    connections += 1;
    const onward = connect(port, "127.0.0.1");
    carry(socket, onward);
    carry(onward, socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    count: () => ({ bytes, packets, connections }),
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
