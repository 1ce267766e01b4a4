/** Below `ferry device`: the devices that ask to join without a token, and the answer that they wait for. */
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import type { Client } from "../http/client.ts";
import type { PendingDevice } from "../http/enrol-routes.ts";
import { confirmed } from "./confirm.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { ago } from "./human.ts";
import { deviceId } from "./ids.ts";
import { printListing, printOne, say, type Column } from "./output.ts";

type Options = RemoteCommandOptions;

interface DecideOptions extends Options {
  readonly fingerprint?: string;
  readonly replace?: true;
}

export function addApproveCommands(device: Command): void {
  const pending = device
    .command("pending")
    .description("the devices that ask to join without a token, each with the fingerprint of its key")
    .action(listPending);
  withRemote(pending, "ferry device pending");
  const approve = device
    .command("approve <device>")
    .description("let in the device that waits under this name with exactly this key")
    .option("--fingerprint <hex>", FINGERPRINT)
    .option("--replace", "also where a device with another key has this name: that key then serves no more")
    .action(approveDevice);
  withRemote(approve, "ferry device approve cam-0017 --fingerprint 3f1c09aa52d1e07b");
  const reject = device
    .command("reject <device>")
    .description("say no to whoever waits under this name, or to one key of them")
    .option("--fingerprint <hex>", FINGERPRINT)
    .action(rejectDevice);
  withRemote(reject, "ferry device reject cam-0017");
}

const FINGERPRINT = "the key's fingerprint as the device shows it, or at least its first 16 digits";

async function listPending(options: Options): Promise<void> {
  const { devices, controller, caPin, rootPin, isOpen } = await clientOf(options).listPendingDevices({});
  const whenEmpty = isOpen
    ? "No device waits. One asks with this, and shows the fingerprint to compare:\n" +
      `  ferry-agent join --controller ${controller} --ca-pin ${caPin} --root-pin ${rootPin} --id DEVICE`
    : "No device waits: controller.json lets devices join with a token alone (`ferry device invite`).";
  printListing({ rows: devices, columns: COLUMNS, name: ({ device }) => device, whenEmpty }, formatOf(options));
}

const COLUMNS: readonly Column<PendingDevice>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "KEY", text: ({ fingerprint }) => fingerprint },
  { title: "FROM", text: ({ network }) => network },
  { title: "SINCE", text: ({ firstMs }) => ago(firstMs) },
  {
    title: "KNOWN AS",
    text: ({ knownAs }) => (knownAs === "another" ? pc.yellow("another key: would replace it") : knownAs),
    csv: ({ knownAs }) => knownAs,
  },
];

async function approveDevice(id: string, options: DecideOptions): Promise<void> {
  const device = deviceId(id);
  const client = clientOf(options);
  const waiting = await waitingAs(client, device, options.fingerprint);
  const [one, ...others] = waiting;
  if (one === undefined || others.length > 0) throw several(device, waiting);
  const { fingerprint } = one;
  if (options.fingerprint === undefined) await requireCompared(device, fingerprint);
  const replace = options.replace === true ? { replace: true } : {};
  const result = await client.approveDevice({ params: { device }, body: { fingerprint, ...replace } });
  const text = () => `${pc.green("✔")} ${pc.bold(device)} may join with the key ${fingerprint}`;
  printOne(result, formatOf(options), text, device);
}

/** A name alone proves nothing: anybody can ask under it. */
async function requireCompared(device: DeviceId, fingerprint: string): Promise<void> {
  if (process.stdin.isTTY) {
    say(`${device} waits with the key\n  ${fingerprint}`);
    if (await confirmed("Does the device itself show this fingerprint?")) return;
    throw new FerryError("not-approved", `${device} was not approved`, {
      hint: `If it shows another one, somebody else asks under its name: ferry device reject ${device}`,
      exitCode: EXIT.notAllowed,
    });
  }
  throw new FerryError("usage", `Which key is that of ${device}? Anybody can ask under its name`, {
    hint: `Compare with what the device shows, then add --fingerprint. ${fingerprint} waits.`,
    exitCode: EXIT.usage,
  });
}

/** Without a fingerprint, everybody who waits under the name. */
async function rejectDevice(id: string, options: DecideOptions): Promise<void> {
  const device = deviceId(id);
  const client = clientOf(options);
  const waiting = await waitingAs(client, device, options.fingerprint);
  for (const { fingerprint } of waiting) await client.rejectDevice({ params: { device }, body: { fingerprint } });
  const rejected = waiting.map(({ fingerprint }) => fingerprint);
  const text = () => rejected.map((key) => `${pc.green("✔")} ${device} with the key ${key} is rejected`).join("\n");
  printOne({ device, rejected }, formatOf(options), text, device);
}

/** As many digits as nobody can make a second key for. */
const DIGITS_MIN = 16;

/** At least one. Throws FerryError `usage`, `not-found`. */
async function waitingAs(
  client: Client,
  device: DeviceId,
  digits: string | undefined,
): Promise<readonly PendingDevice[]> {
  if (digits !== undefined && !/^[0-9a-f]{16,64}$/.test(digits)) {
    throw new FerryError("usage", `${JSON.stringify(digits)} is not a fingerprint`, {
      hint: `Give at least ${DIGITS_MIN} of its hexadecimal digits, in lower case, from the first on.`,
      exitCode: EXIT.usage,
    });
  }
  const { devices } = await client.listPendingDevices({});
  const named = devices.filter((one) => one.device === device);
  const waiting = named.filter(({ fingerprint }) => fingerprint.startsWith(digits ?? ""));
  if (waiting.length > 0) return waiting;
  const who = named.length === 0 ? `Nobody waits under the name ${device}` : `${device} waits with another key`;
  throw new FerryError("not-found", who, {
    hint: "See who waits with `ferry device pending`.",
    exitCode: EXIT.notFound,
  });
}

function several(device: DeviceId, waiting: readonly PendingDevice[]): FerryError {
  const keys = waiting.map(({ fingerprint, network }) => `\n  ${fingerprint}  from ${network}`).join("");
  return new FerryError("several-wait", `${waiting.length} keys wait under the name ${device}:${keys}`, {
    hint: "Only one of them is the device: say which with --fingerprint, and reject the others.",
    exitCode: EXIT.conflict,
  });
}
