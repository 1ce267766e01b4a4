import type { Command } from "commander";
import pc from "picocolors";
import type { Status, Transfer } from "../http/fleet-routes.ts";
import type { Rollout } from "../http/rollout-routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { ago, bytes, counted, shortDigest } from "./human.ts";
import { printOne } from "./output.ts";
import { countsText } from "./rollout-text.ts";
import { stateMark } from "./state-mark.ts";

export function addStatusCommand(program: Command): void {
  const command = program
    .command("status")
    .description("the controller at a glance, and the line with which a device joins")
    .action(status);
  withExamples(withOutput(withController(command)), "ferry status", "ferry status -o json");
}

async function status(options: RemoteOptions & OutputOptions): Promise<void> {
  const client = clientOf(options);
  const controller = await client.getStatus({});
  const [{ rollouts }, { transfers }] = await Promise.all([
    client.listRollouts({ query: { limit: 5 } }),
    client.listTransfers({}),
  ]);
  const value = { ...controller, rollouts, transfers };
  printOne(value, formatOf(options), () => describe(value), controller.fleet);
}

interface Glance extends Status {
  readonly rollouts: readonly Rollout[];
  readonly transfers: readonly Transfer[];
}

function describe(value: Glance): string {
  const { fleet, version, broker, devices, problems, warnings, rootPin } = value;
  const mark = value.status === "ok" ? pc.green("✔ ok") : pc.red("✖ degraded");
  const connection = broker.connected ? "connected" : pc.red("not connected");
  return [
    `Fleet ${pc.bold(fleet)}  ${mark}  controller ${version}, up ${ago(value.startedMs)}`,
    ...problems.map((problem) => `  ${pc.red("problem")}   ${problem}`),
    ...warnings.map((warning) => `  ${pc.yellow("warning")}   ${warning}`),
    `  devices   ${devices.online} of ${devices.total} online`,
    `  broker    ${broker.url}${broker.embedded ? " (embedded)" : ""}, ${connection}`,
    ...value.rollouts.map(rolloutLine),
    ...value.transfers.map(transferLine),
    `  to join   ${broker.url.startsWith("mqtts:") ? "ferry device invite DEVICE" : `ferry-agent join ${broker.url} --fleet ${fleet} --root-pin ${rootPin}`}`,
  ].join("\n");
}

function rolloutLine({ id, model, version, state, counts }: Rollout): string {
  return `  rollout   ${id}  ${model}@${version}  ${stateMark(state)}  ${countsText(counts)}`;
}

function transferLine({ bundle, archive, lengthBytes, broadcastBytes, unicastBytes, devices, done }: Transfer): string {
  const name = bundle === undefined ? shortDigest(archive) : `${bundle.model}@${bundle.version}`;
  return `  transfer  ${name} (${bytes(lengthBytes)}) to ${counted(devices, "device")}, ${done} done; sent ${bytes(broadcastBytes)} to all, ${bytes(unicastBytes)} to single ones`;
}
