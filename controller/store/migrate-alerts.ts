import type { Kysely } from "kysely";

/** What is wrong and who was told of it: a controller that starts again goes on where it was. */
export async function migrateAlerts({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("alerts")
    .addColumn("fingerprint", "text", (c) => c.primaryKey())
    .addColumn("alert_json", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("alert_rules")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("rule_json", "text", (c) => c.notNull())
    .addColumn("changed_ms", "bigint", (c) => c.notNull())
    .execute();
  await schema
    .createTable("alert_silences")
    .addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("matchers_json", "text", (c) => c.notNull())
    .addColumn("until_ms", "bigint", (c) => c.notNull())
    .addColumn("author", "text", (c) => c.notNull())
    .addColumn("comment", "text", (c) => c.notNull())
    .addColumn("created_ms", "bigint", (c) => c.notNull())
    .execute();
  await schema
    .createTable("alert_told")
    .addColumn("receiver", "text", (c) => c.notNull())
    .addColumn("fingerprint", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("at_ms", "bigint", (c) => c.notNull())
    .addColumn("fired_ms", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("alert_told_pk", ["receiver", "fingerprint"])
    .execute();
}
