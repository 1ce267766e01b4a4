/** `program.json`, which an executable carries within itself: what its build knew of it. Written and read by one version. */
export interface ProgramJson {
  /** MAJOR.MINOR.PATCH of the program. */
  readonly version: string;
  /** Of the onnxruntime-node whose native part lies beside it. */
  readonly onnxruntime: string;
  /** Of each machine: the SHA-256 of each native library, by its name. */
  readonly native: Readonly<Record<Architecture, Readonly<Record<string, string>>>>;
}

/** As Node.js names them. */
export const ARCHITECTURES = ["x64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];
