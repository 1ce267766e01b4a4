/** `ferry-agent run`: the agent itself, until it is told to stop. */
import { EXIT, type ExitCode } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { packagedProgram } from "../../common/packaged-program.ts";
import { runAgent } from "../agent.ts";
import { agentFolder, type AgentConfig } from "../config.ts";
import { EXIT_RESTART } from "../self-update/launcher.ts";
import { noteEnd, onLauncherGone } from "../self-update/started-by.ts";

/** Stopping takes at most 5 s; a part that hangs beyond that must not keep a machine from shutting down. */
const STOP_MS_MAX = 5_000;

/** `data`: instead of what the configuration says of it. Resolves when everything is closed. Throws FerryError. */
export async function run(directory: string, data?: AgentConfig["data"]): Promise<ExitCode | typeof EXIT_RESTART> {
  const log = openLog("ferry-agent");
  const stopping = new AbortController();
  const exit: { code: ExitCode | typeof EXIT_RESTART } = { code: EXIT.ok };
  const end = () => {
    stopping.abort();
    setTimeout(() => {
      log.error("stopping took too long: ending at once");
      // A launcher that is to start another version does so, however this one ended.
      process.exit(exit.code === EXIT_RESTART ? EXIT_RESTART : EXIT.failed);
    }, STOP_MS_MAX).unref();
  };
  const stop = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) {
      log.warn({ signal }, "told to stop twice: ending at once");
      process.exit(EXIT.interrupted);
    }
    log.info({ signal }, "stopping: answering what is in flight");
    end();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  const restart = () => {
    exit.code = EXIT_RESTART;
    if (stopping.signal.aborted) return;
    log.info("ending for another version of the agent: answering what is in flight");
    end();
  };
  onLauncherGone(() => {
    if (stopping.signal.aborted) return;
    log.warn("the launcher that started this agent is gone: stopping");
    end();
  });
  try {
    // Before anything runs: a damaged library would show only when the first model is loaded.
    packagedProgram()?.checkLibraries();
    await runAgent({ folder: agentFolder(directory), data, restart, log }, stopping.signal);
  } catch (thrown) {
    await noteEnd(thrown);
    throw thrown;
  }
  log.info("stopped");
  return exit.code;
}
