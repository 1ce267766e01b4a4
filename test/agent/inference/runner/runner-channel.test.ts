import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import t from "tap";
import { MessageReader, sendMessage } from "../../../../agent/inference/runner/runner-channel.ts";
import type { FromRunner, ToRunner } from "../../../../agent/inference/runner/runner-messages.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";

type Message = ToRunner | FromRunner;

const tensor = (name: string, bytes: number): Tensor => ({
  name,
  datatype: "UINT8",
  shape: [bytes],
  bytes: Uint8Array.from({ length: bytes }, (_, at) => at % 251),
});

/** Small ones and large ones, odd lengths, none at all, several requests, and messages without tensors. */
const MESSAGES: readonly Message[] = [
  { kind: "load", file: "/größe.onnx", provider: "cpu", settings: {}, intraOpThreads: 2, ranges: { y: [0, 1] } },
  { kind: "infer", id: 1, requests: [[tensor("x", 3)], [tensor("x", 5), tensor("", 0)]], outputs: ["y"] },
  { kind: "infer", id: 2, requests: [[tensor("x", 300_001), tensor("z", 7)]], outputs: undefined },
  { kind: "infer", id: 3, requests: [], outputs: undefined },
  {
    kind: "computed",
    id: 1,
    outcomes: [
      {
        kind: "outputs",
        outputs: [tensor("y", 70_000), tensor("z", 1)],
        fault: "not-finite",
        inferMs: 0.25,
        batchSize: 2,
      },
      { kind: "refused", code: "onnx-run", message: "no" },
    ],
  },
  { kind: "end" },
];

t.test("messages arrive as they were sent, in their order, however the socket cuts them", async (t) => {
  await using ends = await openPair();
  const arrived: Message[] = [];
  const reader = new MessageReader<Message>((message) => arrived.push(message));
  ends.far.on("data", (piece) => {
    for (let at = 0; at < piece.byteLength; at += 4_093) reader.push(piece.subarray(at, at + 4_093));
  });
  for (const message of MESSAGES)
    await new Promise<void>((sent) => {
      sendMessage(ends.near, message, sent);
    });
  ends.near.end();
  await once(ends.far, "end");
  t.same(arrived, MESSAGES.map(asItArrives));
});

t.test("a tensor lies where a typed array of eight-byte elements may begin, and is nobody else's memory", (t) => {
  const frames: Uint8Array[] = [];
  const socket = { write: (bytes: Uint8Array) => frames.push(bytes) } as unknown as Socket;
  sendMessage(socket, { kind: "infer", id: 7, requests: [[tensor("a", 3), tensor("b", 16)]], outputs: undefined });
  const [frame = new Uint8Array()] = frames;
  let inputs: readonly Tensor[] = [];
  new MessageReader<ToRunner>((message) => {
    inputs = message.kind === "infer" ? (message.requests[0] ?? []) : [];
  }).push(frame);
  frame.fill(0);
  t.same(
    inputs.map(({ bytes }) => bytes.byteOffset % 8),
    [0, 0],
  );
  t.same(inputs[1]?.bytes, tensor("b", 16).bytes);
  t.end();
});

t.test(
  "what is no message is refused: lengths that cannot be, a head that is no JSON, tensors that are not there",
  (t) => {
    const read = (bytes: Uint8Array) => () => {
      new MessageReader<FromRunner>(() => undefined).push(bytes);
    };
    t.throws(read(frameOf(0xffff_ffff, 8, "")), /a frame of 4294967295 bytes/);
    t.throws(read(frameOf(8, 16, "{}")), /a frame of 8 bytes/);
    t.throws(read(frameOf(8, 8, "no JSON!")), SyntaxError);
    const absent = `{"kind":"computed","id":1,"outcomes":[{"kind":"outputs","outputs":[{"bytes":80}]}]}`;
    t.throws(read(frameOf(absent.length, absent.length, absent)), RangeError);
    t.end();
  },
);

function frameOf(bytes: number, headBytes: number, text: string): Uint8Array {
  const frame = Buffer.alloc(8 + text.length);
  frame.writeUInt32LE(bytes, 0);
  frame.writeUInt32LE(headBytes, 4);
  frame.write(text, 8);
  return frame;
}

/** JSON leaves out what is undefined. */
function asItArrives(message: Message): unknown {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
}

async function openPair(): Promise<{ near: Socket; far: Socket } & AsyncDisposable> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = await accepted;
  return {
    near,
    far,
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      far.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
