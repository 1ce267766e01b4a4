/** IEEE 754 binary16 from numbers, rounded to nearest even: JavaScript's own Float16Array comes with Node 25. */
export function halfFloats(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, halfOf);
}

function halfOf(float: number): number {
  const sign = (float >>> 16) & 0x8000;
  const exponent = (float >>> 23) & 0xff;
  const fraction = float & 0x7f_ffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const half = exponent - 112;
  if (half >= 31) return sign | 0x7c00;
  if (half <= 0) return half < -10 ? sign : sign | rounded(fraction | 0x80_0000, 14 - half);
  // A carry out of the fraction raises the exponent, which is what rounding up to the next power of two is.
  return sign | rounded((half << 23) | fraction, 13);
}

function rounded(value: number, dropBits: number): number {
  const kept = value >>> dropBits;
  const dropped = value & ((1 << dropBits) - 1);
  const middle = 1 << (dropBits - 1);
  return dropped > middle || (dropped === middle && (kept & 1) === 1) ? kept + 1 : kept;
}
