/** The admin on the controller's own machine: whoever can read the home can use the API without logging in. */
import { FerryError } from "../../common/ferry-error.ts";
import { readPrivateFile, writePrivateFile } from "../../common/private-file.ts";
import { appendAudit, SYSTEM } from "../audit/audit-log.ts";
import type { StoreTransaction } from "../store/store.ts";
import { looksLikeToken, newToken } from "./operator-token.ts";
import type { Operators } from "./operators.ts";

export const LOCAL_OPERATOR = "local";

/** For `ferry init`: the controller makes an operator of it when it first runs. */
export function writeLocalToken(path: string, token = newToken()): void {
  writePrivateFile(path, `${token}\n`);
}

/** Undefined where there is no file. Throws FerryError `secret-exposed`, `bad-token-file`. */
export function readLocalToken(path: string): string | undefined {
  const token = readPrivateFile(path)?.trim();
  if (token === undefined || looksLikeToken(token)) return token;
  throw new FerryError("bad-token-file", `${path} does not hold an operator's token`, {
    hint: "Delete it and start `ferry up` again: a new one is made.",
  });
}

/**
 * Without any operator (a new database, a damaged one) the token of the file becomes an admin, or a new one does. Where
 * `local` exists and its file is gone, it gets a new token: so a lost token is replaced by deleting the file. An owner
 * who removed `local` is left alone.
 */
export async function ensureLocalOperator(operators: Operators, path: string, nowMs: () => number): Promise<void> {
  const token = readLocalToken(path);
  const all = operators.list();
  const record = (action: string) => async (trx: StoreTransaction) => {
    await appendAudit(trx, { actor: SYSTEM, action, target: LOCAL_OPERATOR, outcome: "done", detail: path }, nowMs());
  };
  if (all.length === 0) {
    const chosen = token ?? newToken();
    // The file first: a token that nobody has would lock the owner out.
    if (token === undefined) writeLocalToken(path, chosen);
    await operators.add({ name: LOCAL_OPERATOR, role: "admin", token: chosen }, record("addOperator"));
    return;
  }
  if (token !== undefined || !all.some(({ name }) => name === LOCAL_OPERATOR)) return;
  const issued = await operators.rotate(LOCAL_OPERATOR, record("rotateOperator"));
  writeLocalToken(path, issued.token);
}
