/** Alerts, rules and silences: in memory for whoever reads them, and in the database before anybody is told. */
import { Type } from "typebox";
import { gate } from "../../protocol/schema.ts";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";
import type { Alert } from "./decide.ts";
import { AlertRule, RULES_MAX } from "./alert-rule.ts";
import { DEFAULT_RULES } from "./default-rules.ts";
import { Matcher, SILENCES_MAX, type Silence } from "./silence.ts";
import type { Told } from "./what-to-tell.ts";

export interface RuleEntry {
  readonly rule: AlertRule;
  /** Of this program, untouched. */
  readonly isDefault: boolean;
}

export interface BrokenRule {
  readonly name: string;
  readonly why: string;
}

export interface AlertBook {
  readonly alerts: () => ReadonlyMap<string, Alert>;
  /** Stores what differs, and what goes with it, in one transaction. */
  readonly replace: (alerts: readonly Alert[], also?: InTransaction) => Promise<void>;
  readonly rules: () => { readonly rules: readonly RuleEntry[]; readonly broken: readonly BrokenRule[] };
  readonly setRules: (rules: readonly AlertRule[], nowMs: number, also: InTransaction) => Promise<void>;
  /** A default one is as this program has it again. Throws `not-found`. */
  readonly deleteRule: (name: string, also: InTransaction) => Promise<void>;
  readonly silences: () => readonly Silence[];
  readonly addSilence: (silence: Omit<Silence, "id">, also: InTransaction) => Promise<Silence>;
  /** Throws `not-found`. */
  readonly endSilence: (id: number, also: InTransaction) => Promise<void>;
  readonly told: (receiver: string) => ReadonlyMap<string, Told>;
  readonly setTold: (receiver: string, fingerprints: ReadonlyMap<string, Told>) => Promise<void>;
}

const readRule = gate("alert rule", AlertRule);
const readMatchers = gate("silence", Type.Array(Matcher));

export async function openAlertBook(store: Store): Promise<AlertBook> {
  const alerts = new Map<string, Alert>();
  // What this program has written itself, in the same shape.
  for (const { alert_json } of await store.selectFrom("alerts").select("alert_json").execute()) {
    const alert = JSON.parse(alert_json) as Alert;
    alerts.set(alert.fingerprint, alert);
  }
  const told = new Map<string, Map<string, Told>>();
  for (const row of await store.selectFrom("alert_told").selectAll().execute()) {
    const ofReceiver = told.get(row.receiver) ?? new Map<string, Told>();
    told.set(row.receiver, ofReceiver);
    ofReceiver.set(row.fingerprint, { status: row.status, atMs: row.at_ms, firedMs: row.fired_ms });
  }
  let rules = await rulesOf(store);
  let silences = await silencesOf(store);

  return {
    alerts: () => alerts,
    replace: async (next, also = NOTHING_ELSE) => {
      const changed = next.filter((alert) => JSON.stringify(alert) !== JSON.stringify(alerts.get(alert.fingerprint)));
      const kept = new Set(next.map((alert) => alert.fingerprint));
      const gone = [...alerts.keys()].filter((id) => !kept.has(id));
      await store.transaction().execute(async (trx) => {
        for (const alert of changed) {
          const alert_json = JSON.stringify(alert);
          await trx
            .insertInto("alerts")
            .values({ fingerprint: alert.fingerprint, alert_json })
            .onConflict((conflict) => conflict.column("fingerprint").doUpdateSet({ alert_json }))
            .execute();
        }
        for (const id of gone) {
          await trx.deleteFrom("alerts").where("fingerprint", "=", id).execute();
          await trx.deleteFrom("alert_told").where("fingerprint", "=", id).execute();
        }
        await also(trx);
      });
      for (const id of gone) {
        alerts.delete(id);
        for (const ofReceiver of told.values()) ofReceiver.delete(id);
      }
      for (const alert of changed) alerts.set(alert.fingerprint, alert);
    },
    rules: () => rules,
    setRules: async (next, nowMs, also) => {
      await store.transaction().execute(async (trx) => {
        for (const rule of next) {
          const values = { rule_json: JSON.stringify(rule), changed_ms: nowMs };
          await trx
            .insertInto("alert_rules")
            .values({ name: rule.name, ...values })
            .onConflict((conflict) => conflict.column("name").doUpdateSet(values))
            .execute();
        }
        const { count } = await trx
          .selectFrom("alert_rules")
          .select(({ fn }) => fn.countAll<number>().as("count"))
          .executeTakeFirstOrThrow();
        if (count > RULES_MAX) {
          throw new FerryError("too-many-rules", `There would be ${count} alert rules; ${RULES_MAX} are the most`, {
            hint: "Delete some with `ferry alerts delete-rule NAME`, or let one rule match more.",
            exitCode: EXIT.conflict,
          });
        }
        await also(trx);
      });
      rules = await rulesOf(store);
    },
    deleteRule: async (name, also) => {
      await store.transaction().execute(async (trx) => {
        const { numDeletedRows } = await trx.deleteFrom("alert_rules").where("name", "=", name).executeTakeFirst();
        if (numDeletedRows === 0n) throw noRule(name);
        await also(trx);
      });
      rules = await rulesOf(store);
    },
    silences: () => silences,
    addSilence: async ({ matchers, untilMs, by, comment, createdMs }, also) => {
      if (silences.length >= SILENCES_MAX) {
        throw new FerryError("too-many-silences", `There are ${SILENCES_MAX} silences already`, {
          hint: "End some with `ferry alerts unsilence ID`.",
          exitCode: EXIT.conflict,
        });
      }
      const id = await store.transaction().execute(async (trx) => {
        const row = await trx
          .insertInto("alert_silences")
          .values({
            matchers_json: JSON.stringify(matchers),
            until_ms: untilMs,
            author: by,
            comment,
            created_ms: createdMs,
          })
          .returning("id")
          .executeTakeFirstOrThrow();
        await trx.deleteFrom("alert_silences").where("until_ms", "<=", createdMs).execute();
        await also(trx);
        return row.id;
      });
      silences = await silencesOf(store);
      return { id, matchers, untilMs, by, comment, createdMs };
    },
    endSilence: async (id, also) => {
      await store.transaction().execute(async (trx) => {
        const { numDeletedRows } = await trx.deleteFrom("alert_silences").where("id", "=", id).executeTakeFirst();
        if (numDeletedRows === 0n) {
          throw new FerryError("not-found", `There is no silence ${id}`, {
            hint: "See them with `ferry alerts list`; one that has ended needs no end.",
            exitCode: EXIT.notFound,
          });
        }
        await also(trx);
      });
      silences = await silencesOf(store);
    },
    told: (receiver) => told.get(receiver) ?? new Map<string, Told>(),
    setTold: async (receiver, next) => {
      await store.transaction().execute(async (trx) => {
        for (const [fingerprint, { status, atMs, firedMs }] of next) {
          const values = { status, at_ms: atMs, fired_ms: firedMs };
          await trx
            .insertInto("alert_told")
            .values({ receiver, fingerprint, ...values })
            .onConflict((conflict) => conflict.columns(["receiver", "fingerprint"]).doUpdateSet(values))
            .execute();
        }
      });
      const ofReceiver = told.get(receiver) ?? new Map<string, Told>();
      told.set(receiver, ofReceiver);
      for (const [fingerprint, what] of next) ofReceiver.set(fingerprint, what);
    },
  };
}

/** Rules of operators over those of this program. One that cannot be read is named, and all others go on. */
async function rulesOf(store: Store): Promise<ReturnType<AlertBook["rules"]>> {
  const rules = new Map(DEFAULT_RULES.map((rule) => [rule.name, { rule, isDefault: true }]));
  const broken: BrokenRule[] = [];
  for (const { name, rule_json } of await store.selectFrom("alert_rules").selectAll().orderBy("name").execute()) {
    try {
      rules.set(name, { rule: readRule(JSON.parse(rule_json)), isDefault: false });
    } catch (thrown) {
      broken.push({ name, why: messageOf(thrown) });
    }
  }
  return { rules: [...rules.values()], broken };
}

async function silencesOf(store: Store): Promise<readonly Silence[]> {
  const rows = await store.selectFrom("alert_silences").selectAll().orderBy("id").execute();
  return rows.map(({ id, matchers_json, until_ms, author, comment, created_ms }) => ({
    id,
    matchers: readMatchers(JSON.parse(matchers_json)),
    untilMs: until_ms,
    by: author,
    comment,
    createdMs: created_ms,
  }));
}

function noRule(name: string): FerryError {
  const isDefault = DEFAULT_RULES.some((rule) => rule.name === name);
  return new FerryError("not-found", `There is no alert rule ${name} of yours`, {
    hint: isDefault
      ? "It is one of the program's own: turn it off with a rule of that name and `enabled: false`."
      : "See them with `ferry alerts rules`.",
    exitCode: EXIT.notFound,
  });
}
