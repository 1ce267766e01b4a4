import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import type { Plan, Rollout } from "../http/rollout-routes.ts";
import { resourceText } from "../rollout/resource-text.ts";
import type { RolloutSpec } from "../rollout/rollout-spec.ts";
import { specFromFlags, type RolloutSubject, type SpecFlags } from "../rollout/spec-from-flags.ts";

import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { durationMs } from "./duration.ts";
import { counted } from "./human.ts";
import { deviceId, modelLabel } from "./ids.ts";
import { print, printOne, say } from "./output.ts";
import { describePlan } from "./plan-text.ts";
import { requireYes } from "./require-yes.ts";
import { readResources } from "./resource-file.ts";
import { watchRollout } from "./watch-rollout.ts";

export function addRolloutCreate(rollout: Command): void {
  const create = withProgress(withSubject(withFile(rollout.command("create [name@version]"))))
    .description("roll a bundle of the catalogue out to the devices that match")
    .option("--dry-run", "show the plan, and do nothing; with -o yaml the rollout file that the flags mean")
    .action(createRollout);
  withSpecFlags(create);
  withExamples(
    withOutput(withController(create)),
    "ferry rollout create digits@1.1.0 -l site=oslo --dry-run",
    "ferry rollout create digits@1.1.0 --all --yes -w",
    "ferry rollout create digits@1.1.0 -l @cameras --stages 5%,25%,100% --soak 10m --gate 'error_rate<=1%' --abort-if-failed 2%",
    "ferry rollout create digits@1.1.0 --all --split 10% --device-soak 30m",
    "ferry rollout create digits@1.1.0 --all --shadow --gate 'agreement_top1>=98%'",
    "ferry rollout create -f rollout.yaml",
  );
}

export function addRolloutPlan(rollout: Command): void {
  const plan = withSubject(withFile(rollout.command("plan [name@version]")))
    .description("what a rollout would do to each device and why, and when each stage would be over; nothing happens")
    .action((label: string | undefined, options: CreateOptions) => createRollout(label, { ...options, dryRun: true }));
  withSpecFlags(plan);
  withExamples(
    withOutput(withController(plan)),
    "ferry rollout plan digits@1.1.0 -l site=oslo --stages 5%,100% --soak 10m",
    "ferry rollout plan -f rollout.yaml -o json",
  );
}

function withFile(command: Command): Command {
  return command.option(
    "-f, --file <file>",
    "what a rollout file says, instead of all the flags that say what it does; - reads it",
  );
}

/** How much a person wants to be asked and shown. */
export function withProgress(command: Command): Command {
  return command
    .option("--yes", "do not ask")
    .option("-w, --watch", "follow it until it is finished")
    .option("--timeout <time>", "how long to follow it, such as 90s or 10m", durationMs);
}

/** To which devices. */
export function withSubject(command: Command): Command {
  return command
    .option("-l, --selector <selector>", "to the devices with these labels; @NAME is a group")
    .option("--all", "to every device")
    .option("--device <id...>", "to these devices");
}

/** What a rollout does: see `spec-from-flags.ts`. */
function withSpecFlags(command: Command): void {
  command
    .option("--name <name>", "what you call it")
    .option(
      "--split <share>",
      "while a device soaks, this share of its requests goes to the version, the rest to the former",
    )
    .option("--shadow [share]", "while a device soaks, the version gets copies of its requests and answers none")
    .option("--stages <list>", "shares or numbers of devices that grow, such as 5%,25%,100%")
    .option("--soak <time>", "how long each stage is watched before the next, such as 10m")
    .option("--approval [stages]", "someone else approves before these stages (without names: each but the first)")
    .option(
      "--gate <condition...>",
      "what must hold after each stage: error_rate<=1%, latency_p95_ms<=1.2x; none (with a soak, the usual ones hold)",
    )
    .option("--abort-if-failed <share>", "stop by itself when more of its devices failed, such as 2%")
    .option("--abort-min-devices <count>", "but not before so many are settled")
    .option("--then <what>", "what stopping means: rollback or pause (default: rollback)")
    .option("--rate <devices/m>", "begin at most so many devices a minute, such as 100/m")
    .option("--concurrent <count>", "at most so many devices under way at once")
    .option("--window <when>", 'begin devices only then: "0 2 * * * for 3h in Europe/Oslo"')
    .option("--follow", "also devices that come to match the selector later")
    .option("--priority <number>", "above other rollouts of the model that want the same device (default: 0)")
    .option("--quorum <share>", "of a stage's reachable devices that must be done")
    .option("--retries <count>", "further tries for each device (default: 2)")
    .option("--deployment-timeout <time>", "how long one try may take (default: 1h)")
    .option("--gate-timeout <time>", "how long a gate may stay open before you are asked (default: 1h)")
    .option("--device-soak <time>", "how long each device watches the version before it commits")
    .option("--param <name=number...>", "parameters of the model, within the bounds that its publisher signed")
    .option("--allow-interface-change", "also where callers of the present version would break");
}

export interface CreateOptions extends RemoteOptions, OutputOptions, SpecFlags {
  readonly file?: string;
  readonly selector?: string;
  readonly all?: true;
  readonly device?: readonly string[];
  readonly dryRun?: true;
  readonly yes?: true;
  readonly watch?: true;
  readonly timeout?: number;
}

export async function createRollout(label: string | undefined, options: CreateOptions): Promise<void> {
  const format = formatOf(options);
  const spec = options.file === undefined ? specOfFlags(label, options) : specOfFile(options.file, label, options);
  if (options.dryRun === true && format === "yaml") {
    print(fileText(spec).trimEnd());
    return;
  }
  const client = clientOf(options);
  const plan = await client.planRollout({ body: spec });
  if (options.dryRun === true) {
    printOne(plan, format, () => describePlan(plan), `${plan.model}@${plan.version}`);
    return;
  }
  const created = await beginRollout(client, { spec, plan, yes: options.yes === true });
  if (options.watch === true) {
    say(`rollout ${created.id} has begun`);
    process.exitCode = await watchRollout(client, created.id, { format, timeoutMs: options.timeout });
    return;
  }
  const text = `${pc.green("✔")} rollout ${created.id} has begun: ${created.model}@${created.version}`;
  printOne(created, format, () => text, String(created.id));
  say(`next: ferry rollout status ${created.id} -w`);
}

export interface Beginning {
  readonly spec: RolloutSpec;
  readonly plan: Plan;
  readonly yes: boolean;
}

/** Shows the plan, asks, begins. Throws `not-confirmed`, and what the controller says. */
export async function beginRollout(client: Client, { spec, plan, yes }: Beginning): Promise<Rollout> {
  say(describePlan(plan));
  const count = plan.devices.filter(({ action }) => action !== "cannot").length;
  const devices = counted(count, "device");
  // Where nothing can be done, the controller says why; there is nothing to agree to.
  if (count > 0) {
    await requireYes(
      { act: `change ${devices}`, question: `Roll ${plan.model}@${plan.version} out to ${devices}?` },
      yes,
    );
  }
  const { rollout } = await client.createRollout({ body: spec });
  return rollout;
}

function specOfFlags(label: string | undefined, options: CreateOptions): RolloutSpec {
  if (label === undefined) {
    throw usage("Which bundle?", "Give NAME@VERSION, such as digits@1.4.0, or a rollout file with -f.");
  }
  return specFromFlags(subjectOf(label, options), options, Date.now());
}

/** Throws a usage error where none of the ways, or more than one, is given. */
export function subjectOf(
  label: string,
  { selector, all, device }: Pick<CreateOptions, "selector" | "all" | "device">,
): RolloutSubject {
  const ways = [selector, all, device].filter((way) => way !== undefined).length;
  if (ways !== 1) {
    throw usage(
      ways === 0 ? "To which devices?" : "More than one way to choose devices was given",
      "Give exactly one of -l SELECTOR, --all, --device ID…",
    );
  }
  return {
    ...modelLabel(label),
    ...(device === undefined ? { selector: selector ?? "" } : { devices: device.map(deviceId) }),
  };
}

/** Flags that do not say what the rollout does. */
const BESIDE_A_FILE: ReadonlySet<string> = new Set([
  "file",
  "dryRun",
  "yes",
  "watch",
  "timeout",
  "output",
  "controller",
  "ca",
]);

function specOfFile(file: string, label: string | undefined, options: CreateOptions): RolloutSpec {
  const extra = label ?? Object.keys(options).find((option) => !BESIDE_A_FILE.has(option));
  if (extra !== undefined) {
    throw usage(`With -f the file says everything: ${extra} has no place beside it`, `Write it into ${file}.`);
  }
  const resources = readResources(file);
  const [resource] = resources;
  if (resources.length === 1 && resource?.kind === "Rollout") return resource.spec;
  const what = resources.map(({ kind, name }) => `${kind} ${name}`).join(", ");
  throw usage(`${file} has ${what}: create begins exactly one rollout`, `Use: ferry apply -f ${file}`);
}

function fileText(spec: RolloutSpec): string {
  const name =
    spec.name ??
    `${spec.model}-${spec.version}`
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]/g, "-")
      .slice(0, 63);
  return resourceText({ kind: "Rollout", name, spec });
}

function usage(message: string, hint: string): FerryError {
  return new FerryError("usage", message, { hint, exitCode: EXIT.usage });
}
