/** One agent as a process, with a director that does what the test says, and signed bundles of the digits. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { openBundleSource } from "../../controller/bundles/bundle-source.ts";
import { signBundle } from "../../controller/bundles/sign-bundle.ts";
import type { DeviceId, FleetId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import type { SlotReport } from "../../protocol/trust/report.ts";
import type { Role } from "../../protocol/trust/root.ts";
import { collect, copyDigits } from "./bundles.ts";
import { askOverJson, readDigits } from "./digits.ts";
import { openHandDirector, type HandDirector } from "./hand-director.ts";
import { newOwners, newRoot, type Owners } from "./keys.ts";
import { freePorts, runProgram, startFile, startProgram, type Environment, type Program } from "./programs.ts";
import { until } from "./until.ts";

export const fleet = "demo" as FleetId;
export const device = "one" as DeviceId;
export const owners = newOwners();
const root = await newRoot(owners);
export const digits = readDigits();
export const [digit = { name: "", label: "", pixels: [] }] = digits;

export type Version = "1.0.0" | "1.1.0";

/** Disposed of before the test ends: tap removes the folder first, and an agent that still runs would write into it. */
export interface Bench extends AsyncDisposable {
  readonly director: HandDirector;
  readonly folder: string;
  readonly url: string;
  readonly start: () => Program;
  /** The same agent by the launcher of this program directory, in a process group of its own. */
  readonly launch: (program: string, env?: Environment) => Program;
  /** A slot of the newest report, once it is as wanted. */
  readonly slotOf: (name: string, what: string, wanted: (slot: SlotReport) => boolean) => Promise<SlotReport>;
  /** The digits slot of the newest report, once it is as wanted. */
  readonly slot: (what: string, wanted: (slot: SlotReport) => boolean) => Promise<SlotReport>;
  readonly version: () => Promise<string>;
}

export async function openBench(t: Test, bytesPerSecond?: number): Promise<Bench> {
  const base = t.testdir();
  const director = await openHandDirector({
    fleet,
    device,
    director: owners.director,
    roots: [root],
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
  });
  const [port = 0] = await freePorts(1);
  const folder = join(base, "agent");
  const pin = ["--fleet", fleet, "--root-pin", root.digest, "--id", device];
  const joined = await runProgram("ferry-agent", [
    "join",
    director.brokerUrl,
    ...pin,
    "--dir",
    folder,
    "--http-port",
    String(port),
  ]);
  if (joined.code !== 0) throw new Error(joined.stderr);
  const url = `http://127.0.0.1:${String(port)}`;
  const programs: Program[] = [];
  const slotOf: Bench["slotOf"] = (name, what, wanted) =>
    until(what, () => {
      const found = director.report()?.slots.find(({ slot }) => slot === name);
      return found !== undefined && wanted(found) && found;
    }).catch((cause: unknown) => {
      const last = JSON.stringify(director.report());
      const said = programs.at(-1)?.output() ?? "";
      throw new Error(`${what}: in vain; the last report: ${last}; the agent said:\n${said}`, { cause });
    });
  return {
    director,
    folder,
    url,
    start: () => {
      const program = startProgram("ferry-agent", ["run", "--dir", folder]);
      programs.push(program);
      return program;
    },
    launch: (directory, env = {}) => {
      const program = startFile(join(directory, "launch"), ["run", "--dir", folder], { env, isOwnGroup: true });
      programs.push(program);
      return program;
    },
    slotOf,
    slot: (what, wanted) => slotOf("digits", what, wanted),
    version: async () => (await askOverJson(url, digit)).version,
    [Symbol.asyncDispose]: async () => {
      for (const program of programs) await program.stop();
      await director[Symbol.asyncDispose]();
    },
  };
}

export interface Bundle {
  readonly slot: Omit<DeployedSlot, "archive">;
  readonly archive: Uint8Array;
}

/** A bundle of the digits, signed; `change` may spoil it before. */
export async function bundle(
  t: Test,
  version: Version,
  signer: Signer = owners.publisher,
  change: (directory: string) => void = () => undefined,
): Promise<Bundle> {
  const directory = copyDigits(join(mkdirIn(t), `digits-${version}`), version);
  change(directory);
  const source = await openBundleSource(directory);
  const { statement } = await signBundle(source, signer);
  const model = "digits" as ModelName;
  return {
    slot: { slot: model, model, version: version as ModelVersion, statement },
    archive: await collect(source.stream()),
  };
}

let folders = 0;
function mkdirIn(t: Test): string {
  const path = join(t.testdirName, `bundles-${String((folders += 1))}`);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Not watched, unless a test says how long. */
export const deployed = (director: HandDirector, { slot, archive }: Bundle): DeployedSlot => ({
  ...slot,
  archive: director.serve(archive),
  soakMs: 0,
});

export function publisherOf({ publisher }: Owners): Role {
  return { keys: [publisher.publicKey], threshold: 1 };
}
