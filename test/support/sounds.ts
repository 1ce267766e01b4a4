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

/** Resonances of a throat and mouth in hertz, for a few vowels (Peterson and Barney, 1952: means of men). */
const VOWELS = [
  [730, 1_090, 2_440],
  [270, 2_290, 3_010],
  [570, 840, 2_410],
  [530, 1_840, 2_480],
  [300, 870, 2_240],
] as const;

/** Something like speech: syllables of a voice of 110 to 140 Hz that goes through the vowels, five a second. */
export function utterance(seconds: number, sampleRate: number): Float32Array {
  const samples = new Float32Array(Math.round(seconds * sampleRate));
  let phase = 0;
  const resonators = [0, 1, 2].map(() => ({ one: 0, two: 0 }));
  let noise = 1;
  for (let at = 0; at < samples.length; at += 1) {
    const time = at / sampleRate;
    const syllable = Math.floor(time * 5);
    const within = (time * 5) % 1;
    phase += (125 + 15 * Math.sin(2 * Math.PI * 0.8 * time) - 20 * within) / sampleRate;
    noise = (noise * 48_271) % 2_147_483_647;
    const hiss = noise / 2_147_483_647 - 0.5;
    // A pulse of the vocal folds, and breath.
    let sound = within < 0.15 ? hiss * 0.6 : Math.max(0, 1 - ((phase % 1) * 4) ** 2) - 0.17 + hiss * 0.05;
    const formants = VOWELS[syllable % VOWELS.length] ?? VOWELS[0];
    for (const [index, frequency] of formants.entries())
      sound = resonate(resonators[index], sound, frequency, 60 + 30 * index, sampleRate);
    const loudness = Math.sin(Math.PI * Math.min(1, within / 0.9)) ** 0.5;
    samples[at] = sound * loudness;
  }
  const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-9);
  return samples.map((sample) => (0.6 * sample) / loudest);
}

/** A resonance of two poles (Klatt, 1980). */
function resonate(
  state: { one: number; two: number } | undefined,
  input: number,
  hertz: number,
  width: number,
  sampleRate: number,
): number {
  if (state === undefined) return input;
  const c = -Math.exp((-2 * Math.PI * width) / sampleRate);
  const b = 2 * Math.exp((-Math.PI * width) / sampleRate) * Math.cos((2 * Math.PI * hertz) / sampleRate);
  const output = (1 - b - c) * input + b * state.one + c * state.two;
  state.two = state.one;
  state.one = output;
  return output;
}
