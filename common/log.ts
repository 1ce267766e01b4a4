import { pino, type Logger } from "pino";

/** JSON lines with stable fields on standard error; standard output belongs to a command's result. */
export type Log = Logger;

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/** `write`: takes each line instead of standard error. */
export function openLog(
  program: string,
  level: string = process.env["FERRY_LOG"] ?? "info",
  write?: (line: string) => void,
): Log {
  return pino(
    { base: { program }, level, timestamp: pino.stdTimeFunctions.isoTime },
    write === undefined ? pino.destination({ fd: 2, sync: true }) : { write },
  );
}
