/** A controller on this machine for devices in emulators, which reach it as 10.0.2.2. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { openFleet, type Fleet } from "../../test/support/fleet.ts";
import { until } from "../../test/support/until.ts";
import { LOOK_MS, type BoardName } from "./machine.ts";

/** QEMU's name for the loopback of the machine that it runs on. */
const HOST_SEEN_FROM_WITHIN = "10.0.2.2";
const examples = join(import.meta.dirname, "..", "..", "examples", "digits");
/** Enough that a transfer can be cut in its middle, at what an emulated network card carries. */
const LARGE_BYTES = 24 * 1024 ** 2;
const HARDWARE_MS_MAX = 300_000;
/** An emulated device transfers, compares and loads at a tenth of a real one's speed. */
const ROLLOUT_MS_MAX = 1_800_000;

export interface World {
  readonly fleet: Fleet;
  readonly board: BoardName;
  readonly image: string;
  readonly directory: string;
}

export async function openWorld(options: Omit<World, "fleet">): Promise<World> {
  const fleet = await openFleet({ directory: join(options.directory, "fleet"), devices: [] });
  const file = join(fleet.home, "controller", "controller.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...config, names: [HOST_SEEN_FROM_WITHIN] }));
  await fleet.startController();
  return { ...options, fleet };
}

export async function tokenFor({ fleet }: World, device: string): Promise<string> {
  return String(((await fleet.ferryJson("device", "invite", device)) as { readonly token: unknown }).token);
}

export async function isOnline({ fleet }: World, device: string): Promise<boolean> {
  const devices = (await fleet.ferryJson("device", "list")) as readonly {
    readonly id: string;
    readonly online: boolean;
  }[];
  return devices.some(({ id, online }) => id === device && online);
}

/** Signed and pushed; `isLarge` adds a file that takes a while to transfer. */
export async function pushDigits(
  { fleet, directory }: World,
  from: string,
  version: string,
  isLarge = false,
): Promise<void> {
  const bundle = join(directory, `digits-${version}`);
  cpSync(join(examples, from), bundle, { recursive: true });
  const model = JSON.parse(readFileSync(join(bundle, "model.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(join(bundle, "model.json"), JSON.stringify({ ...model, version }, undefined, 2));
  if (isLarge) writeFileSync(join(bundle, "training-data.bin"), randomBytes(LARGE_BYTES));
  const archive = `${bundle}.bundle.tar`;
  await ferry(fleet, "bundle", "sign", bundle);
  await ferry(fleet, "bundle", "build", bundle, "--output", archive);
  await ferry(fleet, "bundle", "push", archive);
}

export async function ferry(fleet: Fleet, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await fleet.ferry(...args);
  if (code !== 0) throw new Error(`ferry ${args.join(" ")} ended with ${String(code)}: ${stderr}${stdout}`);
  return stdout;
}

/** As soon as the device has told its key and hardware, some seconds after its hello. */
export async function rollOut({ fleet }: World, version: string): Promise<void> {
  await until(
    `digits@${version} can be rolled out`,
    async () => {
      const { code, stderr, stdout } = await fleet.ferry("rollout", "create", `digits@${version}`, "--all", "--yes");
      const said = stderr + stdout;
      if (code === 0) return true;
      if (!said.includes("has not told its key and hardware yet")) throw new Error(said);
      return false;
    },
    { timeoutMs: HARDWARE_MS_MAX, pollMs: LOOK_MS },
  );
}

/** What the newest rollout knows of its one device. */
async function deviceState({ fleet }: World): Promise<string> {
  const [newest] = (await fleet.ferryJson("rollout", "list")) as readonly { readonly id: number }[];
  const { devices } = (await fleet.ferryJson("rollout", "show", String(newest?.id))) as {
    readonly devices: readonly { readonly state: string }[];
  };
  return devices[0]?.state ?? "unknown";
}

/** The percent of the archive on its way that the controller has sent: what the device has of it is told later. */
export async function sentPercent({ fleet }: World): Promise<number> {
  const { transfers } = (await fleet.ferryJson("status")) as {
    readonly transfers: readonly { readonly lengthBytes: number; readonly unicastBytes: number }[];
  };
  const [transfer] = transfers;
  return transfer === undefined ? 0 : Math.round((100 * transfer.unicastBytes) / transfer.lengthBytes);
}

export async function untilDone(world: World): Promise<void> {
  await until("the device has proved that it runs the version", async () => (await deviceState(world)) === "done", {
    timeoutMs: ROLLOUT_MS_MAX,
    pollMs: LOOK_MS,
  });
}

export interface Prediction {
  readonly version: string;
  readonly label: string;
}

/** Over MQTT, of the first handwritten digit in examples/digits/samples.json; `expected` is what it shows. */
export async function predict({ fleet, directory }: World, device: string): Promise<Prediction & { expected: string }> {
  const [sample] = JSON.parse(readFileSync(join(examples, "samples.json"), "utf8")) as readonly {
    readonly label: string;
    readonly inputs: unknown;
  }[];
  if (sample === undefined) throw new Error("there are no samples");
  const input = join(directory, "request.json");
  writeFileSync(input, JSON.stringify({ inputs: sample.inputs }));
  const answer = (await fleet.ferryJson("predict", device, "digits", "--input", input)) as {
    readonly model_version: string;
    readonly outputs: readonly { readonly data: readonly number[] }[];
  };
  const probabilities = answer.outputs[0]?.data ?? [];
  const label = String(probabilities.indexOf(Math.max(...probabilities)));
  return { version: answer.model_version, label, expected: sample.label };
}
