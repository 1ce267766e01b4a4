/**
 * What serving in a process of its own costs at the least: bare `node:http` here, the model in a child with one thread, and
 * between them each body with its length on a socket. It checks nothing, counts nothing, and takes one kind of request.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { Socket, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";

interface Plan {
  readonly file: string;
  readonly shape: readonly number[];
}

const LENGTH_BYTES = 4;
const CHANNEL_FD = 3;
const CHILD = "child";

const { file, shape } = JSON.parse(process.argv[2] ?? "") as Plan;
if (process.argv[3] === CHILD) await compute();
else serve();

function serve(): void {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), process.argv[2] ?? "", CHILD], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const channel = child.stdio[CHANNEL_FD] as Socket;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      if (request.method === "GET") response.end("{}");
      else {
        waiting.push((values) => {
          response.writeHead(200, { "content-length": values.byteLength });
          response.end(values);
        });
        sendFrame(channel, pieces);
      }
    });
  });
  const tellPort = () => process.send?.({ port: (server.address() as AddressInfo).port });
  // The child's first frame says that the model is loaded; it answers in order.
  const waiting: ((frame: Buffer) => void)[] = [() => server.listen(0, "127.0.0.1", tellPort)];
  readFrames(channel, (frame) => waiting.shift()?.(frame));
  process.once("disconnect", () => {
    child.kill("SIGKILL");
    process.exit();
  });
}

async function compute(): Promise<void> {
  const channel = new Socket({ fd: CHANNEL_FD });
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1 });
  const [input = ""] = session.inputNames;
  const [output = ""] = session.outputNames;
  let last = Promise.resolve();
  const infer = async (bytes: Buffer) => {
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const outputs = await session.run({ [input]: new Tensor("float32", values, shape) });
    const { buffer, byteOffset, byteLength } = outputs[output]?.data as Float32Array;
    sendFrame(channel, [Buffer.from(buffer, byteOffset, byteLength)]);
  };
  readFrames(channel, (bytes) => {
    last = last.then(() => infer(bytes));
  });
  sendFrame(channel, []);
}

function sendFrame(socket: Socket, pieces: readonly Buffer[]): void {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  socket.cork();
  for (const piece of [length, ...pieces]) socket.write(piece);
  socket.uncork();
}

function readFrames(socket: Socket, onFrame: (bytes: Buffer) => void): void {
  const length = Buffer.alloc(LENGTH_BYTES);
  let target = length;
  let filled = 0;
  const take = (frame: Buffer) => {
    filled = 0;
    if (frame !== length) target = length;
    // Not from the pool: typed arrays must begin at multiples of their size.
    else target = Buffer.allocUnsafeSlow(length.readUInt32LE());
    if (frame !== length) onFrame(frame);
    else if (target.byteLength === 0) take(target);
  };
  socket.on("data", (piece: Buffer) => {
    for (let at = 0; at < piece.byteLength;) {
      const copied = piece.copy(target, filled, at);
      filled += copied;
      at += copied;
      if (filled === target.byteLength) take(target);
    }
  });
}
