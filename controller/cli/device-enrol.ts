import type { Command } from "commander";
import pc from "picocolors";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { counted, instant } from "./human.ts";
import { deviceId } from "./ids.ts";
import { printOne } from "./output.ts";

/** Long enough to walk to a device; a token that is lost after that is worth nothing. */
const TOKEN_LIFETIME = "1h";

type Options = RemoteCommandOptions;

/** Below `ferry device`. */
export function addEnrolCommands(device: Command): void {
  const invite = device
    .command("invite <device>")
    .description("print a join token, with which one device enrols once")
    .option("--ttl <time>", "for how long the token serves", TOKEN_LIFETIME)
    .action(inviteDevice);
  withRemote(invite, "ferry device invite cam-0017", "ferry device invite cam-0017 -o name");
  const revoke = device
    .command("revoke <device>")
    .description("take the device's certificates away; its connection ends at once")
    .option("--force", "also a name of which nothing is known: a device that a lost database has forgotten")
    .action(revokeDevice);
  withRemote(revoke, "ferry device revoke cam-0017");
  const renew = device
    .command("renew <device>")
    .description("let a device come back whose certificate ended more than 30 days ago")
    .action(renewDevice);
  withRemote(renew, "ferry device renew cam-0017");
}

async function inviteDevice(id: string, options: Options & { readonly ttl: string }): Promise<void> {
  const client = clientOf(options);
  const invitation = await client.inviteDevice({
    params: { device: deviceId(id) },
    body: { lifetimeMs: durationMs(options.ttl) },
  });
  const { rootPin } = await client.getStatus({});
  const { device, token, expiresMs } = invitation;
  const describe = () =>
    [
      `${pc.green("✔")} ${pc.bold(device)} may join once, until ${instant(expiresMs)}. On the device:`,
      "",
      `  ferry-agent join ${token} --root-pin ${rootPin}`,
      "",
      pc.dim("Take the root pin from what `ferry init` printed, not from here, if you doubt this controller."),
    ].join("\n");
  printOne({ ...invitation, rootPin }, formatOf(options), describe, token);
}

async function revokeDevice(id: string, options: Options & { readonly force?: true }): Promise<void> {
  const evenUnknown = options.force === true;
  const result = await clientOf(options).revokeDevice({ params: { device: deviceId(id) }, body: { evenUnknown } });
  const text = () =>
    `${pc.green("✔")} ${result.device} may not connect any more (${counted(result.revoked, "certificate")} revoked, and any other that it was given until now)`;
  printOne(result, formatOf(options), text, result.device);
}

async function renewDevice(id: string, options: Options): Promise<void> {
  const result = await clientOf(options).allowRenewal({ params: { device: deviceId(id) } });
  const text = () => `${pc.green("✔")} ${result.device} may renew its certificate until ${instant(result.untilMs)}`;
  printOne(result, formatOf(options), text, result.device);
}
