import t from "tap";
import { isWav, readWav } from "../../../../common/processing/decode/read-wav.ts";
import { tone, wav } from "../../../support/sounds.ts";

const samples = [0, 0.5, -0.5, 0.25];

for (const coding of ["pcm8", "pcm16", "pcm24", "pcm32", "float32", "float64"] as const) {
  t.test(`${coding} gives numbers from -1 to 1`, async (t) => {
    for (const extensible of [false, true]) {
      const file = wav(samples, { coding, extensible });
      t.ok(isWav(file));
      const sound = readWav(file, 1);
      t.equal(sound.sampleRate, 16_000);
      const margin = coding === "pcm8" ? 0.01 : 0.0001;
      for (const [at, sample] of samples.entries()) t.ok(Math.abs((sound.samples[at] ?? 9) - sample) < margin);
    }
  });
}

t.test("channels are averaged", async (t) => {
  const { samples: mono } = readWav(wav([1, 0, 0.5, -0.5], { channels: 2, coding: "float32" }), 1);
  t.same([...mono], [0.5, 0]);
});

t.test("a length that the writer did not know is that of the file", async (t) => {
  const file = wav(samples);
  file.writeUInt32LE(0xffff_ffff, file.length - samples.length * 2 - 4);
  t.equal(readWav(file, 1).samples.length, 4);
});

const changed = (at: number, value: number) => {
  const file = wav(samples);
  file.writeUInt16LE(value, at);
  return file;
};
const refused = [
  { what: "a text", file: Buffer.from("hello"), code: "bad-media", why: /no WAV file/ },
  { what: "a file that ends in its head", file: wav(samples).subarray(0, 20), code: "bad-media", why: /damaged/ },
  { what: "no samples", file: wav([]), code: "bad-media", why: /no samples/ },
  {
    what: "more seconds than the model takes",
    file: wav(tone(440, 2, 8_000), { sampleRate: 8_000 }),
    code: "media-too-large",
    why: /lasts 2\.0 s; the model takes at most 1 s/,
  },
  { what: "a compressed one", file: changed(20, 0x55), code: "bad-media", why: /compressed/ },
  { what: "no channels", file: changed(22, 0), code: "bad-media", why: /0 channels/ },
  { what: "an absurd rate", file: changed(26, 0xffff), code: "bad-media", why: /samples a second/ },
  {
    what: "a sample that is no number",
    file: wav([0, Number.NaN], { coding: "float32" }),
    code: "bad-media",
    why: /no numbers/,
  },
  {
    what: "a sample that 32 bits do not hold",
    file: wav([0, 1e300], { coding: "float64" }),
    code: "bad-media",
    why: /no numbers/,
  },
] as const;
for (const { what, file, code, why } of refused) {
  t.test(`${what} is refused`, async (t) => t.throws(() => readWav(file, 1), { code, message: why }));
}
