/** `ferry rollout pause|resume|abort|rollback|approve|retry|history`: what a person tells a rollout once it has begun. */
import type { Command } from "commander";
import pc from "picocolors";
import type { Client } from "../http/client.ts";
import type { Rollout, RolloutEvent } from "../http/rollout-routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { counted, instant } from "./human.ts";
import { deviceId, rolloutId } from "./ids.ts";
import { printListing, printOne, say, type Column } from "./output.ts";
import { requireYes } from "./require-yes.ts";

type Options = RemoteOptions & OutputOptions;

export function addRolloutVerbs(rollout: Command): void {
  addPauseAndResume(rollout);
  const abort = rollout
    .command("abort <id>")
    .description("stop it for good, and leave every device as it is")
    .action((id: string, options: Options) =>
      tell(
        id,
        options,
        (client, params) => client.abortRollout({ params }),
        "take it back with: ferry rollout rollback",
      ),
    );
  withExamples(withOutput(withController(abort)), "ferry rollout abort 7");
  const rollback = rollout
    .command("rollback <id>")
    .description("stop it, and take every device that it changed back to what it had; nothing is downloaded")
    .option("--yes", "do not ask")
    .action(rollBack);
  withExamples(withOutput(withController(rollback)), "ferry rollout rollback 7", "ferry rollout rollback 7 --yes");
  const approve = rollout
    .command("approve <id>")
    .description("say yes to the stage that waits for it; whoever began the rollout cannot")
    .action((id: string, options: Options) =>
      tell(id, options, (client, params) => client.approveRollout({ params }), FOLLOW),
    );
  withExamples(withOutput(withController(approve)), "ferry rollout approve 7");
  const retry = rollout
    .command("retry <id>")
    .description("try devices that failed again, also where they had given the version up")
    .option("--device <id...>", "only these")
    .action(retryRollout);
  withExamples(withOutput(withController(retry)), "ferry rollout retry 7", "ferry rollout retry 7 --device cam-3");
  const history = rollout
    .command("history <id>")
    .description("what happened in a rollout, and who did it, oldest first")
    .action(showHistory);
  withExamples(withOutput(withController(history)), "ferry rollout history 7");
}

function addPauseAndResume(rollout: Command): void {
  const pause = rollout
    .command("pause <id>")
    .description("begin no more devices until it is resumed; what is under way goes on")
    .action((id: string, options: Options) =>
      tell(id, options, (client, params) => client.pauseRollout({ params }), "go on with: ferry rollout resume"),
    );
  withExamples(withOutput(withController(pause)), "ferry rollout pause 7");
  const resume = rollout
    .command("resume <id>")
    .description("go on with a paused rollout, and accept the failures that there are")
    .option("--waive-gates", "let the present stage pass whatever its gates say")
    .action((id: string, options: Options & { readonly waiveGates?: true }) => {
      const body = { waiveGates: options.waiveGates === true };
      return tell(id, options, (client, params) => client.resumeRollout({ params, body }), FOLLOW);
    });
  withExamples(withOutput(withController(resume)), "ferry rollout resume 7", "ferry rollout resume 7 --waive-gates");
}

const FOLLOW = "follow it with: ferry rollout status -w";

interface Told {
  readonly rollout: Rollout;
  readonly text: string;
}

/** `next` is completed with the rollout's number. */
async function tell(
  id: string,
  options: Options,
  call: (client: Client, params: { readonly id: number }) => Promise<Told>,
  next: string,
): Promise<void> {
  const told = await call(clientOf(options), { id: rolloutId(id) });
  printOne(told, formatOf(options), () => `${pc.green("✔")} rollout ${told.rollout.id}: ${told.text}`, id);
  say(`next: ${next} ${told.rollout.id}`);
}

async function rollBack(id: string, options: Options & { readonly yes?: true }): Promise<void> {
  const { rollout } = await clientOf(options).getRollout({ params: { id: rolloutId(id) }, query: { devices: 0 } });
  const { done, deploying, failed } = rollout.counts;
  const changed = done + deploying + failed;
  // Where nothing can be taken back, the controller says why; there is nothing to agree to.
  const act = `take ${counted(changed, "device")} back from ${rollout.model}@${rollout.version}`;
  const deed = { act, question: `Really ${act}?`, hint: "Add --yes to do it." };
  await requireYes(deed, options.yes === true || changed === 0);
  await tell(id, options, (client, params) => client.rollBackRollout({ params }), FOLLOW);
}

async function retryRollout(id: string, options: Options & { readonly device?: readonly string[] }): Promise<void> {
  const body = options.device === undefined ? {} : { devices: options.device.map(deviceId) };
  await tell(id, options, (client, params) => client.retryRollout({ params, body }), FOLLOW);
}

async function showHistory(id: string, options: Options): Promise<void> {
  const query = { limit: 1_000 };
  const { events } = await clientOf(options).rolloutHistory({ params: { id: rolloutId(id) }, query });
  printListing(
    { rows: events, columns: COLUMNS, name: ({ atMs }) => instant(atMs), whenEmpty: "Nothing is told of it" },
    formatOf(options),
  );
}

const COLUMNS: readonly Column<RolloutEvent>[] = [
  { title: "WHEN", text: ({ atMs }) => instant(atMs) },
  { title: "KIND", text: ({ kind }) => kind, wide: true },
  { title: "WHAT", text: ({ text }) => text },
];
