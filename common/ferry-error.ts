/** An operating failure: something outside the program is not as it must be. A person reads `message` and `hint`. */
export class FerryError extends Error {
  override readonly name = "FerryError";
  /** Stable, for programs: `port-taken`, `disk-full`, `not-found`, … */
  readonly code: string;
  /** What to do next, in a sentence or two. */
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  /** `message` says what happened and why. */
  constructor(code: string, message: string, options: { hint?: string; exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** What a command of either program ends with. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  unreachable: 5,
  conflict: 6,
  timedOut: 124,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The system's code (`ENOSPC`, `EADDRINUSE`, `SQLITE_CORRUPT`) of anything that was thrown, if it has one. */
export function systemCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : undefined;
}
