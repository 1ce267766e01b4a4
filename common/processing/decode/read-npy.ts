/** NumPy's own file format for one array (NEP 1), as `numpy.save` writes it. */
import { TENSOR_RANK_MAX } from "../../../protocol/limits.ts";
import type { Datatype } from "../../../protocol/tensor.ts";
import { ProcessingError } from "../processing-error.ts";

export interface NpyArray {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

const MAGIC = Buffer.from("\u0093NUMPY", "latin1");

const DATATYPES: Readonly<Record<string, Datatype>> = {
  "|b1": "BOOL",
  "|u1": "UINT8",
  "|i1": "INT8",
  "<u2": "UINT16",
  "<i2": "INT16",
  "<u4": "UINT32",
  "<i4": "INT32",
  "<u8": "UINT64",
  "<i8": "INT64",
  "<f2": "FP16",
  "<f4": "FP32",
  "<f8": "FP64",
};

export function isNpy(body: Uint8Array): boolean {
  return MAGIC.equals(body.subarray(0, MAGIC.length));
}

/** Throws ProcessingError for what is no array of numbers in C order. */
export function readNpy(file: Uint8Array): NpyArray {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 10 || !isNpy(bytes)) {
    throw new ProcessingError("bad-media", "This is no .npy file: it does not begin with NumPy's mark");
  }
  const isFirstVersion = bytes.readUInt8(6) === 1;
  if (!isFirstVersion && bytes.length < 12)
    throw new ProcessingError("bad-media", "The .npy file is cut short in its header");
  const headerAt = isFirstVersion ? 10 : 12;
  const headerBytes = isFirstVersion ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  const header = bytes.toString("latin1", headerAt, headerAt + headerBytes);
  const data = bytes.subarray(headerAt + headerBytes);
  return { ...described(header), bytes: data };
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64), }`, a Python literal. */
function described(header: string): Pick<NpyArray, "datatype" | "shape"> {
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (descr === undefined || shape === undefined) {
    throw new ProcessingError("bad-media", "The header of the .npy file does not say type and shape of one array");
  }
  const datatype = DATATYPES[descr];
  if (datatype === undefined) {
    throw new ProcessingError(
      "bad-media",
      `The .npy file holds ${descr}; known here: ${Object.keys(DATATYPES).join(", ")}`,
    );
  }
  if (/'fortran_order':\s*True/.test(header)) {
    throw new ProcessingError("bad-media", "The .npy file is in Fortran order: save numpy.ascontiguousarray(array)");
  }
  return { datatype, shape: sizesIn(shape) };
}

/** `1, 64` or `3,`; nothing between the brackets is a scalar. */
function sizesIn(text: string): number[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  const sizes = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : NaN));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (sizes.length > TENSOR_RANK_MAX || !Number.isSafeInteger(count) || !sizes.every(Number.isSafeInteger)) {
    throw new ProcessingError(
      "bad-media",
      `The .npy file says that its shape is (${text.slice(0, 100)}), which none is`,
    );
  }
  return sizes;
}
