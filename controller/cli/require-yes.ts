import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { confirmed } from "./confirm.ts";

export interface Deed {
  /** What would happen: `change 3 devices`. */
  readonly act: string;
  /** The yes-or-no question about it. */
  readonly question: string;
  /** What a script does instead, where it is not `--yes` or `--dry-run`. */
  readonly hint?: string;
}

const WITHOUT_A_TERMINAL = "Add --yes to do it, or --dry-run to only see what would happen.";

/** A terminal is asked; a script must have said `--yes`. Throws `not-confirmed`. */
export async function requireYes({ act, question, hint = WITHOUT_A_TERMINAL }: Deed, yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new FerryError("not-confirmed", `This would ${act}, and nobody can be asked here`, {
      hint,
      exitCode: EXIT.usage,
    });
  }
  if (await confirmed(question)) return;
  throw new FerryError("not-confirmed", "Nothing was changed", { exitCode: EXIT.interrupted });
}
