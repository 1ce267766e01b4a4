/** Zero crossings of the filter on each side: enough that what would be heard as another tone is 60 dB quieter. */
const ZERO_CROSSINGS = 16;

/**
 * Another sample rate, by a sinc under a Hann window; frequencies that the new rate cannot carry are left out. The length
 * is that of the sound, rounded to a sample.
 */
export function resampleSound(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  const ratio = from / to;
  const cutoff = Math.min(1, to / from);
  const reach = ZERO_CROSSINGS / cutoff;
  const result = new Float32Array(Math.max(1, Math.round(samples.length / ratio)));
  const filters = new Map<number, Float64Array>();
  for (let at = 0; at < result.length; at += 1) {
    const centre = at * ratio;
    const first = Math.ceil(centre - reach);
    const filter = filterFor(first - centre);
    let sum = 0;
    for (let tap = 0; tap < filter.length; tap += 1) sum += (filter[tap] ?? 0) * (samples[first + tap] ?? 0);
    result[at] = sum;
  }
  return result;

  /** Rates have a common divisor, so places between samples come again and again. */
  function filterFor(offset: number): Float64Array {
    const key = Math.round(offset * 1e6);
    const known = filters.get(key);
    if (known !== undefined) return known;
    const taps = Math.floor(reach - offset) + 1;
    const filter = Float64Array.from({ length: taps }, (_, tap) => windowedSinc(offset + tap, cutoff, reach));
    const sum = filter.reduce((total, weight) => total + weight, 0);
    const even = filter.map((weight) => weight / sum);
    if (filters.size < FILTERS_MAX) filters.set(key, even);
    return even;
  }
}

/** Of odd rates: each filter has some hundred numbers. */
const FILTERS_MAX = 4_096;

function windowedSinc(distance: number, cutoff: number, reach: number): number {
  if (Math.abs(distance) >= reach) return 0;
  const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / reach);
  const x = Math.PI * distance * cutoff;
  return window * cutoff * (x === 0 ? 1 : Math.sin(x) / x);
}
