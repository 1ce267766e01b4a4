import type { Command } from "commander";
import { showRule } from "./alerts.ts";
import { describeBundle } from "./bundle-text.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { showDevice } from "./device.ts";
import { showExperiment } from "./experiment.ts";
import { showGroup } from "./group.ts";
import { modelLabel } from "./ids.ts";
import { printOne } from "./output.ts";
import { kindOf, rolloutOf } from "./resource-kinds.ts";
import { showRollout } from "./rollout.ts";
import { showSchedule } from "./schedule.ts";

type Options = RemoteOptions & OutputOptions;

export function addDescribeCommand(program: Command): void {
  const command = program
    .command("describe <kind> <name>")
    .description("all that is known of one device, group, bundle, rollout, experiment, alert rule or schedule")
    .action(describe);
  withExamples(
    withOutput(withController(command)),
    "ferry describe device cam-0017",
    "ferry describe bundle digits@1.4.0",
    "ferry describe rollout digits-1-4",
  );
}

async function describe(kindText: string, name: string, options: Options): Promise<void> {
  switch (kindOf(kindText)) {
    case "device":
      return showDevice(name, options);
    case "group":
      return showGroup(name, options);
    case "bundle": {
      const { model, version } = modelLabel(name);
      const bundle = await clientOf(options).getBundle({ params: { name: model, version } });
      printOne(bundle, formatOf(options), () => describeBundle(bundle), name);
      return;
    }
    case "rollout": {
      const { id } = await rolloutOf(clientOf(options), name);
      return showRollout(String(id), options);
    }
    case "experiment":
      return showExperiment(name, options);
    case "alert":
      return showRule(name, options);
    case "schedule":
      return showSchedule(name, options);
  }
}
