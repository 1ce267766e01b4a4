import { once } from "node:events";
import { createServer } from "node:net";
import t from "tap";
import { connectTcp } from "../../common/connect-tcp.ts";
import { freePorts } from "../support/programs.ts";

const never = new AbortController().signal;

t.test("a socket comes connected", async (t) => {
  const server = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const socket = await connectTcp(`mqtts://127.0.0.1:${String(port)}`, 5_000, never);
  const [data] = (await once(socket, "data")) as [Buffer];
  t.equal(String(data), "hello");
  socket.destroy();
  server.close();
});

t.test("nobody there, an abort: each is said", async (t) => {
  const [port = 0] = await freePorts(1);
  await t.rejects(connectTcp(`mqtts://127.0.0.1:${String(port)}`, 5_000, never), { code: "ECONNREFUSED" });
  await t.rejects(connectTcp(`mqtts://127.0.0.1:${String(port)}`, 5_000, AbortSignal.abort()), { name: "AbortError" });
});
