import type { Kysely } from "kysely";

/** Experiments, and what each device of them has counted: kept with them, because telemetry ages. */
export async function migrateExperiments({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("experiments")
    .addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("rollout", "integer", (c) => c.notNull())
    .addColumn("model", "text", (c) => c.notNull())
    .addColumn("candidate", "text", (c) => c.notNull())
    .addColumn("former", "text", (c) => c.notNull())
    .addColumn("selector", "text", (c) => c.notNull())
    .addColumn("spec_json", "text", (c) => c.notNull())
    .addColumn("author", "text", (c) => c.notNull())
    .addColumn("created_ms", "bigint", (c) => c.notNull())
    .addColumn("ends_ms", "bigint", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("ended_ms", "bigint")
    .addColumn("ended_by", "text")
    .addColumn("why", "text")
    .addColumn("promotion", "integer")
    .execute();
  await schema.createIndex("experiments_name").on("experiments").columns(["name", "id"]).execute();
  await schema
    .createTable("experiment_tallies")
    .addColumn("experiment", "integer", (c) => c.notNull().references("experiments.id"))
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("tally_json", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("experiment_tallies_pk", ["experiment", "device"])
    .execute();
}
