import type { Kysely } from "kysely";

/** Reports by the clock, and when each is due: what was missed while the controller was away is made up for once. */
export async function migrateSchedules({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("schedules")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("spec_json", "text", (c) => c.notNull())
    .addColumn("state_json", "text", (c) => c.notNull())
    .addColumn("author", "text", (c) => c.notNull())
    .addColumn("changed_ms", "bigint", (c) => c.notNull())
    .execute();
}
