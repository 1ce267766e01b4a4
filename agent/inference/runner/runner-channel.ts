/**
 * How the messages of `runner-messages.ts` travel: over a socket between the two processes, each with its length before it.
 * Tensors are written from where they lie and read into one piece of memory a message, because memory outside of the heap is
 * what the collector of Node.js reacts to: the channel of a child process, which copies a tensor four times on the way, cost a
 * model of pictures more processor time in collecting than the way itself (decision 0008).
 *
 * A frame, in little-endian: the length of what follows it (4 bytes), the length of the head (4 bytes); the head, JSON with
 * lengths in place of bytes; the bytes of the tensors in the order of the head. Head and tensors begin at multiples of 8, as
 * typed arrays need it.
 */
import { connect, Socket } from "node:net";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { FromRunner, RequestOutcome, ToRunner } from "./runner-messages.ts";

type Message = ToRunner | FromRunner;

const PREFIX_BYTES = 8;
const ALIGNMENT = 8;
/** Requests of 64 MB (`read-body.ts`) that are computed together, and some. Anything longer is no message. */
const FRAME_BYTES_MAX = 1024 ** 3;
/** Up to here a copy is cheaper than a second piece in the same write. */
const COPIED_BYTES_MAX = 16_384;

/** `onSent` is called when the system has taken the message, or the socket is broken. */
export function sendMessage(socket: Socket, message: Message, onSent?: () => void): void {
  const [head, tensors] = withLengths(message);
  const text = Buffer.from(JSON.stringify(head));
  const bytes = padded(text.byteLength) + tensors.reduce((sum, tensor) => sum + padded(tensor.byteLength), 0);
  const isCopied = bytes <= COPIED_BYTES_MAX;
  const start = Buffer.allocUnsafe(PREFIX_BYTES + (isCopied ? bytes : padded(text.byteLength)));
  start.writeUInt32LE(bytes, 0);
  start.writeUInt32LE(text.byteLength, 4);
  start.set(text, PREFIX_BYTES);
  if (isCopied) {
    let at = PREFIX_BYTES + padded(text.byteLength);
    for (const tensor of tensors) {
      start.set(tensor, at);
      at += padded(tensor.byteLength);
    }
    socket.write(start, onSent);
    return;
  }
  // One system call for all of them.
  socket.cork();
  socket.write(start);
  for (const tensor of tensors) {
    socket.write(tensor);
    const gap = padded(tensor.byteLength) - tensor.byteLength;
    if (gap > 0) socket.write(GAP.subarray(0, gap));
  }
  socket.write(NOTHING, onSent);
  socket.uncork();
}

const GAP = new Uint8Array(ALIGNMENT);
const NOTHING = new Uint8Array();

/** Puts messages together from what comes in pieces. */
export class MessageReader<In extends Message> {
  readonly #onMessage: (message: In) => void;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #target: Buffer = this.#prefix;
  #filled = 0;

  constructor(onMessage: (message: In) => void) {
    this.#onMessage = onMessage;
  }

  /** Keeps nothing of `piece`. Throws where it is no part of a message: the other side is out of its mind. */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.byteLength;) {
      const part = piece.subarray(at, at + this.#target.byteLength - this.#filled);
      this.#target.set(part, this.#filled);
      this.#filled += part.byteLength;
      at += part.byteLength;
      if (this.#filled === this.#target.byteLength) this.#onFilled();
    }
  }

  #onFilled(): void {
    const frame = this.#target;
    this.#filled = 0;
    if (frame === this.#prefix) {
      const bytes = frame.readUInt32LE(0);
      if (bytes > FRAME_BYTES_MAX || bytes < frame.readUInt32LE(4)) throw new Error(`a frame of ${bytes} bytes`);
      // Not from the pool of small buffers: a tensor of it would hold the pool, and not begin where typed arrays may.
      this.#target = Buffer.allocUnsafeSlow(bytes);
      return;
    }
    this.#target = this.#prefix;
    const headBytes = this.#prefix.readUInt32LE(4);
    this.#onMessage(withTensors(JSON.parse(frame.toString("utf8", 0, headBytes)) as Lengthened<In>, frame, headBytes));
  }
}

/** Names the socket to connect to, where the runner is a child of the fork server … */
export const CHANNEL_VARIABLE = "FERRY_RUNNER_CHANNEL";
/** … and where it is a child of the agent, its end is open already. */
const CHANNEL_FD = 3;
/** What a socket of the system holds at most without being asked for more. */
const READ_BYTES = 262_144;

/** The runner's end. When the agent is gone it closes. */
export function openRunnerEnd(onMessage: (message: ToRunner) => void): Socket {
  const reader = new MessageReader<ToRunner>(onMessage);
  // What comes is read into one piece of memory again and again: the reader copies it to where it belongs.
  const onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (bytes: number, buffer: Uint8Array) => {
      reader.push(buffer.subarray(0, bytes));
      return true;
    },
  };
  const path = process.env[CHANNEL_VARIABLE];
  const socket = path === undefined ? new Socket({ fd: CHANNEL_FD, onread }) : connect({ path, onread });
  // An agent that is gone is dealt with by `close`.
  return socket.on("error", () => undefined);
}

/** A message with lengths in place of bytes, as JSON carries it. */
type Lengthened<M> = M & { readonly lengths: true };

/** The head of a frame, and the bytes that follow it. */
function withLengths(message: Message): readonly [object, readonly Uint8Array[]] {
  const found: Uint8Array[] = [];
  const sized = ({ name, datatype, shape, bytes }: Tensor) => {
    found.push(bytes);
    return { name, datatype, shape, bytes: bytes.byteLength };
  };
  return [mapTensors(message, sized), found];
}

function withTensors<M extends Message>(head: Lengthened<M>, frame: Buffer, headBytes: number): M {
  let at = padded(headBytes);
  return mapTensors(head, (tensor) => {
    const length = Number(tensor.bytes);
    const bytes = new Uint8Array(frame.buffer, frame.byteOffset + at, length);
    at += padded(length);
    return { ...tensor, bytes };
  }) as M;
}

/** The message with each of its tensors replaced, in their order. */
function mapTensors(message: Message, change: (tensor: Tensor) => object): object {
  switch (message.kind) {
    case "infer":
      return { ...message, requests: message.requests.map((inputs) => inputs.map(change)) };
    case "computed":
      return { ...message, outcomes: message.outcomes.map((outcome) => mapOutcome(outcome, change)) };
    default:
      return message;
  }
}

function mapOutcome(outcome: RequestOutcome, change: (tensor: Tensor) => object): object {
  return outcome.kind === "outputs" ? { ...outcome, outputs: outcome.outputs.map(change) } : outcome;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
