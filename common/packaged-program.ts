/**
 * What differs where a program runs as one executable with its native libraries beside it, and not from its sources. The
 * executable's first lines say so (`firmware-images/executable/packaged/`), before anything of the program is loaded.
 */
export interface PackagedProgram {
  /** MAJOR.MINOR.PATCH. */
  readonly version: string;
  /** How the executable starts one of the agent's own processes. */
  readonly command: (part: ProgramPart) => { readonly file: string; readonly args: readonly string[] };
  /** A file that the executable carries within itself, by its path in the sources or in node_modules. */
  readonly file: (name: string) => Uint8Array;
  /** The onnxruntime-node that is built in; its native part lies in the folder. */
  readonly onnxruntime: { readonly version: string; readonly folder: string };
  /** Compares every native library with what the executable was built with. Throws FerryError `native-library`. */
  readonly checkLibraries: () => readonly NativeLibrary[];
  /** Compares this one, and those that it needs, and loads it. Throws FerryError `native-library`. */
  readonly loadLibrary: (name: string) => unknown;
}

export type ProgramPart = "runner" | "processor";

export interface NativeLibrary {
  readonly name: string;
  readonly sha256: string;
}

let packaged: PackagedProgram | undefined;

/** Undefined where the program runs from its sources. */
export function packagedProgram(): PackagedProgram | undefined {
  return packaged;
}

/** Once, as the first thing that an executable does. */
export function beginPackagedProgram(program: PackagedProgram): void {
  packaged = program;
}
