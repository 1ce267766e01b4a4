import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../common/ferry-error.ts";
import { checkBundlePath } from "../../protocol/bundle/bundle-path.ts";
import { tensorOfGolden } from "../../protocol/bundle/golden-compare.ts";
import { parseGoldenSet, type GoldenSet } from "../../protocol/bundle/golden.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import type { VerifiedBundle } from "./inference-engine.ts";
import { Refused } from "./refused.ts";

export interface GoldenCase {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** A bundle's golden set; its cases are read one at a time, because their tensors may be large. */
export interface GoldenCases {
  readonly count: number;
  readonly tolerance: GoldenSet["tolerance"];
  /** Throws Refused. */
  readonly at: (index: number) => Promise<GoldenCase>;
}

/** Throws Refused `bundle-malformed` for a golden set that is missing or cannot be understood. */
export async function openGoldenCases({ directory, model }: VerifiedBundle): Promise<GoldenCases> {
  const read = (file: string) => {
    checkBundlePath(file);
    return readFile(join(directory, file));
  };
  const set = await orRefuse(model.golden, async () => parseGoldenSet(await read(model.golden)));
  return {
    count: set.cases.length,
    tolerance: set.tolerance,
    at: async (index) => {
      const golden = set.cases[index % set.cases.length];
      if (golden === undefined) throw new Refused("bundle-malformed", `${model.golden} has no cases`);
      return orRefuse(`${model.golden}, case "${golden.name}"`, () => tensorsOf(golden, read));
    },
  };
}

async function tensorsOf(
  golden: GoldenSet["cases"][number],
  read: (file: string) => Promise<Uint8Array>,
): Promise<GoldenCase> {
  const files = new Map<string, Uint8Array>();
  for (const { file } of [...golden.inputs, ...golden.outputs])
    if (file !== undefined) files.set(file, await read(file));
  const resolve = (tensor: GoldenSet["cases"][number]["inputs"][number]) =>
    tensorOfGolden(tensor, (file) => files.get(file) ?? new Uint8Array());
  return { name: golden.name, inputs: golden.inputs.map(resolve), outputs: golden.outputs.map(resolve) };
}

async function orRefuse<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("bundle-malformed", `${what}: ${messageOf(error)}`);
  }
}
