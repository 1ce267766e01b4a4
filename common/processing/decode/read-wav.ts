/** RIFF/WAVE (Microsoft and IBM, 1991; extensible since 2001): PCM and floating point, as recorders write them. */
import { ProcessingError } from "../processing-error.ts";

export interface Sound {
  readonly sampleRate: number;
  /** One channel, −1 to 1. */
  readonly samples: Float32Array;
}

/** As a request carries at most: two minutes of CD sound, eight of speech at 16 kHz. */
export const SOUND_BYTES_MAX = 32 * 1024 ** 2;
/** What recorders and converters use. */
const SAMPLE_RATES = { least: 1_000, most: 384_000 };
const CHANNELS_MAX = 32;

export function isWav(bytes: Uint8Array): boolean {
  return text(bytes, 0) === "RIFF" && text(bytes, 8) === "WAVE";
}

/** Channels are averaged. Throws ProcessingError for what is no WAV file, is damaged, or longer than `secondsMax`. */
export function readWav(bytes: Uint8Array, secondsMax: number): Sound {
  if (bytes.byteLength > SOUND_BYTES_MAX) {
    throw new ProcessingError(
      "media-too-large",
      `The sound has ${bytes.byteLength} bytes; at most ${SOUND_BYTES_MAX} are taken`,
    );
  }
  if (!isWav(bytes)) throw new ProcessingError("bad-media", "The sound is no WAV file");
  const { format, data } = chunksOf(bytes);
  const bytesPerFrame = format.channels * format.bytesPerSample;
  const frames = Math.floor(data.byteLength / bytesPerFrame);
  if (frames === 0) throw damaged("it has no samples");
  if (frames > secondsMax * format.sampleRate) {
    const seconds = (frames / format.sampleRate).toFixed(1);
    throw new ProcessingError(
      "media-too-large",
      `The sound lasts ${seconds} s; the model takes at most ${secondsMax} s`,
    );
  }
  const sampleAt = readerOf(format, data);
  const samples = new Float32Array(frames);
  for (let frame = 0; frame < frames; frame += 1) {
    let sum = 0;
    for (let channel = 0; channel < format.channels; channel += 1) {
      sum += sampleAt(frame * bytesPerFrame + channel * format.bytesPerSample);
    }
    samples[frame] = sum / format.channels;
  }
  return { sampleRate: format.sampleRate, samples };
}

interface WavFormat {
  readonly isFloat: boolean;
  readonly channels: number;
  readonly sampleRate: number;
  readonly bytesPerSample: number;
}

function chunksOf(bytes: Uint8Array): { readonly format: WavFormat; readonly data: DataView } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: WavFormat | undefined;
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const kind = text(bytes, at);
    // Programs that write to a pipe do not know the length beforehand, and leave it 0 or at its largest.
    const length = Math.min(view.getUint32(at + 4, true), bytes.byteLength - at - 8);
    const chunk = new DataView(view.buffer, view.byteOffset + at + 8, length);
    if (kind === "fmt ") format = formatOf(chunk);
    if (kind === "data" && format !== undefined) return { format, data: chunk };
    at += 8 + length + (length & 1);
  }
  throw damaged("it lacks its format or its samples");
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

function formatOf(chunk: DataView): WavFormat {
  if (chunk.byteLength < 16) throw damaged("its format is cut short");
  const tag = chunk.getUint16(0, true);
  const isExtensible = tag === EXTENSIBLE && chunk.byteLength >= 26;
  const coding = isExtensible ? chunk.getUint16(24, true) : tag;
  const [channels, sampleRate, bits] = [chunk.getUint16(2, true), chunk.getUint32(4, true), chunk.getUint16(14, true)];
  const isKnown = coding === PCM ? [8, 16, 24, 32].includes(bits) : coding === FLOAT && [32, 64].includes(bits);
  if (!isKnown) {
    throw new ProcessingError(
      "bad-media",
      `The WAV file is compressed or of ${bits} bits: send PCM of 8 to 32 bits, or floating point`,
    );
  }
  if (channels < 1 || channels > CHANNELS_MAX) throw damaged(`it says that it has ${channels} channels`);
  if (sampleRate < SAMPLE_RATES.least || sampleRate > SAMPLE_RATES.most) {
    throw damaged(`it says that it has ${sampleRate} samples a second`);
  }
  return { isFloat: coding === FLOAT, channels, sampleRate, bytesPerSample: bits / 8 };
}

function readerOf({ isFloat, bytesPerSample }: WavFormat, data: DataView): (at: number) => number {
  if (isFloat) {
    const read =
      bytesPerSample === 4 ? (at: number) => data.getFloat32(at, true) : (at: number) => data.getFloat64(at, true);
    return (at) => finite(read(at));
  }
  switch (bytesPerSample) {
    case 1:
      return (at) => (data.getUint8(at) - 128) / 128;
    case 2:
      return (at) => data.getInt16(at, true) / 32_768;
    case 3:
      return (at) => (data.getInt16(at + 1, true) * 256 + data.getUint8(at)) / 8_388_608;
    default:
      return (at) => data.getInt32(at, true) / 2_147_483_648;
  }
}

/** As the 32 bits that it becomes: a sample of 64 bits may be a number that those do not hold. */
function finite(sample: number): number {
  if (Number.isFinite(Math.fround(sample))) return sample;
  throw damaged("it has samples that are no numbers");
}

function text(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", at, at + 4);
}

function damaged(how: string): ProcessingError {
  return new ProcessingError("bad-media", `The WAV file is damaged: ${how}`);
}
