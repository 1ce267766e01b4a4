import { Command } from "commander";
import { addAccuracyCommand } from "./accuracy.ts";
import { addAlertCommands } from "./alerts.ts";
import { addApplyCommand } from "./apply.ts";
import { addBenchCommand } from "./bench.ts";
import { addBrokerCommands } from "./broker.ts";
import { addBundleCommands } from "./bundle.ts";
import { addCaCommands } from "./ca.ts";
import { addCompletionCommand } from "./completion.ts";
import { withExamples } from "./context.ts";
import { addDeleteCommand } from "./delete.ts";
import { addDeployCommand } from "./deploy.ts";
import { addDescribeCommand } from "./describe.ts";
import { addAnomaliesCommand } from "./anomalies.ts";
import { addDriftCommands } from "./drift.ts";
import { addDeviceCommands } from "./device.ts";
import { addDiffCommand } from "./diff.ts";
import { addEventsCommand } from "./events.ts";
import { addGetCommand } from "./get.ts";
import { addGroupCommands } from "./group.ts";
import { addInitCommand } from "./init.ts";
import { addLoginCommands } from "./login.ts";
import { addMonitoringFileCommands } from "./monitoring-files.ts";
import { addOpenApiCommand } from "./openapi.ts";
import { addOperatorCommands } from "./operator.ts";
import { addPredictCommand } from "./predict.ts";
import { addExperimentCommands } from "./experiment.ts";
import { addFeedbackCommand } from "./feedback.ts";
import { addReportCommands } from "./report.ts";
import { addScheduleCommands } from "./schedule.ts";
import { addRolloutCommands } from "./rollout.ts";
import { addRootCommands } from "./root.ts";
import { addStatusCommand } from "./status.ts";
import { addTelemetryCommands } from "./telemetry.ts";
import { addUpCommand } from "./up.ts";
import { addVersionCommand } from "./version.ts";
import { VERSION } from "../version.ts";

/** The whole command line; nothing runs before `parseAsync`. */
export function createProgram(): Command {
  const program = new Command("ferry")
    .description("carries signed ONNX models to a fleet of edge devices, and brings back proof that they work")
    .version(VERSION, "-V, --version", "the version of this program")
    .showSuggestionAfterError()
    // An option belongs to the last command before it: `ferry events` and `ferry events verify` both have --controller.
    .enablePositionalOptions()
    .configureHelp({ sortSubcommands: false })
    .helpCommand("help [command]", "what a command does");
  addInitCommand(program);
  addUpCommand(program);
  addStatusCommand(program);
  addDeviceCommands(program);
  addGroupCommands(program);
  addCaCommands(program);
  addBrokerCommands(program);
  addBundleCommands(program);
  addRolloutCommands(program);
  addDeployCommand(program);
  addGetCommand(program);
  addDescribeCommand(program);
  addApplyCommand(program);
  addDiffCommand(program);
  addDeleteCommand(program);
  addPredictCommand(program);
  addFeedbackCommand(program);
  addAccuracyCommand(program);
  addExperimentCommands(program);
  addBenchCommand(program);
  addTelemetryCommands(program);
  addDriftCommands(program);
  addAnomaliesCommand(program);
  addReportCommands(program);
  addScheduleCommands(program);
  addAlertCommands(program);
  addEventsCommand(program);
  addRootCommands(program);
  addOperatorCommands(program);
  addLoginCommands(program);
  addMonitoringFileCommands(program);
  addOpenApiCommand(program);
  addCompletionCommand(program);
  addVersionCommand(program);
  withExamples(
    program,
    "ferry init && ferry up",
    "ferry bundle push digits-1.1.0.bundle.tar",
    "ferry rollout create digits@1.1.0 -l site=oslo -w",
  );
  for (const command of everyCommand(program)) {
    // A usage error ends with one exit code everywhere, and points to the help that answers it.
    command.exitOverride().showHelpAfterError("(add --help for what is possible)");
  }
  return program;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
