/** After a try to join failed: whether time may heal it. */
import { EXIT, type ExitCode } from "../../common/ferry-error.ts";

export interface Failure {
  readonly code: string | undefined;
  readonly exitCode: ExitCode | undefined;
}

/**
 * What a person must change (the file, the token, the pin) is final: to try again cannot help, and nothing weaker is
 * tried. Everything else comes back: a network, a controller, room on the card, whoever stands between.
 */
export function canHeal({ code, exitCode }: Failure): boolean {
  // Another machine answered, and nothing was said to it: a captive portal does that until it is left behind.
  if (code === "enrol-impostor" || code === "approval-timed-out") return true;
  return exitCode !== EXIT.usage && exitCode !== EXIT.notAllowed && exitCode !== EXIT.conflict;
}
