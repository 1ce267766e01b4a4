/** Who may use the API: rows of the database, and a copy in memory so that a request costs no query. */
import { timingSafeEqual } from "node:crypto";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Sha256 } from "../../protocol/ids.ts";
import type { InTransaction, Store, StoreTransaction } from "../store/store.ts";
import type { OperatorRow } from "../store/tables.ts";
import type { OperatorRole } from "./operator-role.ts";
import { looksLikeToken, newToken, tokenDigest } from "./operator-token.ts";

export interface Operator {
  readonly name: string;
  readonly role: OperatorRole;
  readonly createdMs: number;
  /** When the present token was made. */
  readonly tokenMs: number;
}

export interface IssuedToken {
  readonly operator: Operator;
  /** Shown this once. */
  readonly token: string;
}

/** Each change calls `also` last, in its own transaction. Throws FerryError `not-found`, `exists`, `last-admin`. */
export interface Operators {
  readonly byToken: (token: string) => Operator | undefined;
  /** By name. */
  readonly list: () => readonly Operator[];
  readonly add: (operator: NewOperator, also: InTransaction) => Promise<IssuedToken>;
  readonly remove: (name: string, also: InTransaction) => Promise<Operator>;
  /** The former token is worth nothing from then on. */
  readonly rotate: (name: string, also: InTransaction) => Promise<IssuedToken>;
}

export interface NewOperator {
  readonly name: string;
  readonly role: OperatorRole;
  /** One that exists already, such as that of `ferry init`; absent: a new one is made. */
  readonly token?: string;
}

/** Every token that comes is compared with all of them. */
const OPERATORS_MAX = 500;

export async function openOperators(store: Store, nowMs: () => number): Promise<Operators> {
  let known = await readOperators(store);

  async function change<Result>(work: (trx: StoreTransaction) => Promise<Result>): Promise<Result> {
    const result = await store.transaction().execute(work);
    known = await readOperators(store);
    return result;
  }

  return {
    byToken: (token) => operatorOf(withDigest(known, token)),
    list: () => known.map(publicPart),
    add: ({ name, role, token = newToken() }, also) =>
      change(async (trx) => {
        await requireRoom(trx, name);
        const row: OperatorRow = {
          name,
          role,
          token_sha256: tokenDigest(token),
          created_ms: nowMs(),
          token_ms: nowMs(),
        };
        await trx.insertInto("operators").values(row).execute();
        await also(trx);
        return { operator: publicPart(row), token };
      }),
    remove: (name, also) =>
      change(async (trx) => {
        const row = await oneOperator(trx, name);
        if (row.role === "admin") await requireOtherAdmin(trx, name);
        await trx.deleteFrom("operators").where("name", "=", name).execute();
        await also(trx);
        return publicPart(row);
      }),
    rotate: (name, also) =>
      change(async (trx) => {
        const row = await oneOperator(trx, name);
        const token = newToken();
        const changed = { token_sha256: tokenDigest(token), token_ms: nowMs() };
        await trx.updateTable("operators").set(changed).where("name", "=", name).execute();
        await also(trx);
        return { operator: publicPart({ ...row, ...changed }), token };
      }),
  };
}

async function readOperators(store: Store): Promise<readonly OperatorRow[]> {
  return store.selectFrom("operators").selectAll().orderBy("name").execute();
}

/** Looks at every operator, whichever it is: how long it takes tells nothing. */
function withDigest(rows: readonly OperatorRow[], token: string): OperatorRow | undefined {
  if (!looksLikeToken(token)) return undefined;
  const given = digestBytes(tokenDigest(token));
  let found: OperatorRow | undefined;
  for (const row of rows) {
    if (timingSafeEqual(digestBytes(row.token_sha256), given)) found = row;
  }
  return found;
}

function digestBytes(digest: Sha256): Buffer {
  return Buffer.from(digest, "hex");
}

function operatorOf(row: OperatorRow | undefined): Operator | undefined {
  return row === undefined ? undefined : publicPart(row);
}

function publicPart({ name, role, created_ms: createdMs, token_ms: tokenMs }: OperatorRow): Operator {
  return { name, role, createdMs, tokenMs };
}

async function oneOperator(trx: Store, name: string): Promise<OperatorRow> {
  const row = await trx.selectFrom("operators").selectAll().where("name", "=", name).executeTakeFirst();
  if (row !== undefined) return row;
  throw new FerryError("not-found", `There is no operator ${name}`, {
    hint: "See them with `ferry operator list`.",
    exitCode: EXIT.notFound,
  });
}

async function requireRoom(trx: Store, name: string): Promise<void> {
  const names = (await trx.selectFrom("operators").select("name").execute()).map((row) => row.name);
  if (names.includes(name)) {
    throw new FerryError("exists", `There is an operator ${name} already; nothing was changed`, {
      hint: `A new token for it: \`ferry operator rotate ${name}\`. Another role: remove it, and add it again.`,
      exitCode: EXIT.conflict,
    });
  }
  if (names.length < OPERATORS_MAX) return;
  throw new FerryError("too-many-operators", `There are ${names.length} operators, the most there can be`, {
    hint: "Remove those who are gone: `ferry operator remove NAME`.",
    exitCode: EXIT.conflict,
  });
}

/** Without an admin nobody could make one again. */
async function requireOtherAdmin(trx: Store, name: string): Promise<void> {
  const others = await trx
    .selectFrom("operators")
    .select("name")
    .where("role", "=", "admin")
    .where("name", "!=", name)
    .execute();
  if (others.length > 0) return;
  throw new FerryError("last-admin", `${name} is the only admin left; nothing was changed`, {
    hint: "Add another first: `ferry operator add NAME --role admin`.",
    exitCode: EXIT.conflict,
  });
}
