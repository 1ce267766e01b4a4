/** As numpy.save writes it: the header padded with spaces to a multiple of 64. */
export function npy(descr: string, shape: string, data: Uint8Array, { version = 1, order = "False" } = {}): Uint8Array {
  const literal = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;
  const fixed = version === 1 ? 10 : 12;
  const header = literal.padEnd(Math.ceil((literal.length + fixed + 1) / 64) * 64 - fixed - 1) + "\n";
  const length = Buffer.alloc(fixed - 8);
  if (version === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY"),
    Buffer.from([version, 0]),
    length,
    Buffer.from(header),
    data,
  ]);
}
