/** WAV files for tests. */
type Coding = "pcm8" | "pcm16" | "pcm24" | "pcm32" | "float32" | "float64";

const BYTES: Readonly<Record<Coding, number>> = { pcm8: 1, pcm16: 2, pcm24: 3, pcm32: 4, float32: 4, float64: 8 };

interface WavOptions {
  readonly sampleRate?: number;
  readonly channels?: number;
  readonly coding?: Coding;
  readonly extensible?: boolean;
}

/** `samples` −1 to 1, one after the other for each channel in turn. */
export function wav(samples: ArrayLike<number>, options: WavOptions = {}): Buffer {
  const { sampleRate = 16_000, channels = 1, coding = "pcm16", extensible = false } = options;
  const bytes = BYTES[coding];
  const data = Buffer.alloc(samples.length * bytes);
  for (let at = 0; at < samples.length; at += 1) write(data, at * bytes, coding, samples[at] ?? 0);
  const isFloat = coding.startsWith("float");
  const format = Buffer.alloc(extensible ? 40 : 16);
  format.writeUInt16LE(extensible ? 0xfffe : isFloat ? 3 : 1, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(sampleRate, 4);
  format.writeUInt32LE(sampleRate * channels * bytes, 8);
  format.writeUInt16LE(channels * bytes, 12);
  format.writeUInt16LE(bytes * 8, 14);
  if (extensible) format.writeUInt16LE(isFloat ? 3 : 1, 24);
  const body = Buffer.concat([
    Buffer.from("WAVE"),
    chunk("fmt ", format),
    chunk("LIST", Buffer.from("odd")),
    chunk("data", data),
  ]);
  return chunk("RIFF", body);
}

function write(data: Buffer, at: number, coding: Coding, sample: number): void {
  const clipped = Math.max(-1, Math.min(1, sample));
  if (coding === "pcm8") data.writeUInt8(Math.round(clipped * 127) + 128, at);
  else if (coding === "pcm16") data.writeInt16LE(Math.round(clipped * 32_767), at);
  else if (coding === "pcm24") data.writeIntLE(Math.round(clipped * 8_388_607), at, 3);
  else if (coding === "pcm32") data.writeInt32LE(Math.round(clipped * 2_147_483_647), at);
  else if (coding === "float32") data.writeFloatLE(sample, at);
  else data.writeDoubleLE(sample, at);
}

function chunk(kind: string, content: Buffer): Buffer {
  const head = Buffer.from(`${kind}\0\0\0\0`, "latin1");
  head.writeUInt32LE(content.byteLength, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.byteLength & 1)]);
}

export function tone(hertz: number, seconds: number, sampleRate: number): Float32Array {
  return Float32Array.from(
    { length: Math.round(seconds * sampleRate) },
    (_, at) => 0.5 * Math.sin((2 * Math.PI * hertz * at) / sampleRate),
  );
}
