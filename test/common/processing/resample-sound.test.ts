import t from "tap";
import { resampleSound } from "../../../common/processing/resample-sound.ts";
import { tone } from "../../support/sounds.ts";

/** The largest difference, but for the ends, where the sound begins out of nothing. */
function distance(one: Float32Array, other: Float32Array): number {
  return one
    .subarray(200, -200)
    .reduce((most, sample, at) => Math.max(most, Math.abs(sample - (other[at + 200] ?? 9))), 0);
}

for (const [from, to] of [
  [48_000, 16_000],
  [44_100, 16_000],
  [8_000, 16_000],
  [16_000, 11_025],
] as const) {
  t.test(`a tone stays the same tone from ${from} to ${to} samples a second`, async (t) => {
    const result = resampleSound(tone(440, 0.5, from), from, to);
    t.equal(result.length, Math.round(0.5 * to));
    t.ok(distance(result, tone(440, 0.5, to)) < 0.002);
  });
}

t.test("what the new rate cannot carry is left out", async (t) => {
  const result = resampleSound(tone(11_000, 0.5, 48_000), 48_000, 16_000);
  t.ok(distance(result, new Float32Array(result.length)) < 0.005);
});

t.test("the same rate is the same sound", async (t) => {
  const sound = tone(440, 0.1, 16_000);
  t.equal(resampleSound(sound, 16_000, 16_000), sound);
});
