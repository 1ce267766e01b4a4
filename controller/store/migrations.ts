import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { migrateAlerts } from "./migrate-alerts.ts";
import { migrateExperiments } from "./migrate-experiments.ts";
import { migrateSchedules } from "./migrate-schedules.ts";

/** Numbered steps of the schema, applied in order; steps are added at the end and never edited. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001-fleet-bundles-rollouts-telemetry": { up: first },
  "0002-telemetry-gaps": { up: indexGaps },
  "0003-index-of-rollout-members": { up: indexMembers },
  "0004-operators-and-audit": { up: operatorsAndAudit },
  "0005-enrolment": { up: enrolment },
  "0006-pending-devices": { up: pendingDevices },
  "0007-rollout-stages": { up: rolloutStages },
  "0008-device-groups": { up: deviceGroups },
  "0009-history-of-rollouts": { up: historyOfRollouts },
  "0010-deliveries": { up: deliveries },
  "0011-telemetry-counts-and-roll-ups": { up: telemetryRollups },
  "0012-telemetry-problems": { up: telemetryProblems },
  "0013-distributions": { up: indexDistributions },
  "0014-alerts": { up: migrateAlerts },
  "0016-experiments": { up: migrateExperiments },
  "0017-rolled-up-on-devices": { up: rolledUpOnDevices },
  "0018-scores": { up: indexScores },
  "0019-schedules": { up: migrateSchedules },
};

async function first(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("devices")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("public_key", "text")
    .addColumn("first_seen_ms", "bigint", (c) => c.notNull())
    .addColumn("last_heard_ms", "bigint", (c) => c.notNull())
    .addColumn("session", "text")
    .addColumn("online", "integer", (c) => c.notNull())
    .addColumn("online_since_ms", "bigint", (c) => c.notNull())
    .addColumn("heartbeat_ms", "bigint")
    .addColumn("info_json", "text")
    .execute();
  await schema
    .createTable("device_labels")
    .addColumn("device", "text", (c) => c.notNull().references("devices.id"))
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("value", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("device_labels_pk", ["device", "key"])
    .execute();
  await schema
    .createTable("reports")
    .addColumn("device", "text", (c) => c.primaryKey().references("devices.id"))
    .addColumn("counter", "bigint", (c) => c.notNull())
    .addColumn("received_ms", "bigint", (c) => c.notNull())
    .addColumn("report_json", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("bundles")
    .addColumn("statement", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("archive_sha256", "text", (c) => c.notNull())
    .addColumn("archive_length", "bigint", (c) => c.notNull())
    .addColumn("chunk_list_sha256", "text", (c) => c.notNull())
    .addColumn("model_json", "text", (c) => c.notNull())
    .addColumn("pushed_ms", "bigint", (c) => c.notNull())
    .addUniqueConstraint("bundles_name_version", ["name", "version"])
    .execute();
  await schema
    .createTable("deployments")
    .addColumn("device", "text", (c) => c.primaryKey().references("devices.id"))
    .addColumn("seq", "bigint", (c) => c.notNull())
    .addColumn("slots_json", "text", (c) => c.notNull())
    .addColumn("changed_ms", "bigint", (c) => c.notNull())
    .execute();
  await schema
    .createTable("rollouts")
    .addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("statement", "text", (c) => c.notNull().references("bundles.statement"))
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("selector", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("created_ms", "bigint", (c) => c.notNull())
    .addColumn("finished_ms", "bigint")
    .execute();
  await schema
    .createTable("rollout_devices")
    .addColumn("rollout", "integer", (c) => c.notNull().references("rollouts.id"))
    .addColumn("device", "text", (c) => c.notNull().references("devices.id"))
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("seq", "bigint")
    .addColumn("since_ms", "bigint", (c) => c.notNull())
    .addColumn("why", "text")
    .addPrimaryKeyConstraint("rollout_devices_pk", ["rollout", "device"])
    .execute();
  await schema
    .createTable("streams")
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("stream", "text", (c) => c.notNull())
    .addColumn("next", "bigint", (c) => c.notNull())
    .addColumn("first_ms", "bigint", (c) => c.notNull())
    .addColumn("last_ms", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("streams_pk", ["device", "stream"])
    .execute();
  await schema
    .createTable("telemetry")
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("stream", "text", (c) => c.notNull())
    .addColumn("seq", "bigint", (c) => c.notNull())
    .addColumn("at_ms", "double precision", (c) => c.notNull())
    .addColumn("received_ms", "bigint", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("backfill", "integer", (c) => c.notNull())
    .addColumn("fields_json", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("telemetry_pk", ["device", "stream", "seq"])
    .execute();
  await schema.createIndex("telemetry_received").on("telemetry").column("received_ms").execute();
  await schema
    .createTable("events")
    .addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("at_ms", "bigint", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("device", "text")
    .addColumn("text", "text", (c) => c.notNull())
    .execute();
}

/** Gaps are few among millions of records, and every account of a device asks for all of its own. */
async function indexGaps(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX telemetry_gaps ON telemetry (device, received_ms) WHERE kind = 'gap'`.execute(db);
}

/** Which rollouts have a device: asked for each member of each rollout, at every pass of the engine. */
async function indexMembers({ schema }: Kysely<unknown>): Promise<void> {
  await schema.createIndex("rollout_devices_device").on("rollout_devices").columns(["device", "rollout"]).execute();
}

/** The audit log is numbered by the program: a number that the database gives could have holes, and holes are evidence. */
async function operatorsAndAudit(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("operators")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("role", "text", (c) => c.notNull())
    .addColumn("token_sha256", "text", (c) => c.notNull().unique())
    .addColumn("created_ms", "bigint", (c) => c.notNull())
    .addColumn("token_ms", "bigint", (c) => c.notNull())
    .execute();
  await schema
    .createTable("audit")
    .addColumn("seq", "bigint", (c) => c.primaryKey())
    .addColumn("at_ms", "bigint", (c) => c.notNull())
    .addColumn("actor", "text", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("target", "text")
    .addColumn("outcome", "text", (c) => c.notNull())
    .addColumn("detail", "text")
    .addColumn("hash", "text", (c) => c.notNull())
    .execute();
}

/** Only the digest of a token's secret is kept. Which certificates are revoked stands beside the CA, not here. */
async function enrolment({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("join_tokens")
    .addColumn("secret_sha256", "text", (c) => c.primaryKey())
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("created_ms", "bigint", (c) => c.notNull())
    .addColumn("expires_ms", "bigint", (c) => c.notNull())
    .addColumn("used_ms", "bigint")
    .execute();
  await schema
    .createTable("certificates")
    .addColumn("serial", "text", (c) => c.primaryKey())
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("issued_ms", "bigint", (c) => c.notNull())
    .addColumn("expires_ms", "bigint", (c) => c.notNull())
    .execute();
  await schema.createIndex("certificates_device").on("certificates").column("device").execute();
  await schema
    .createTable("renewal_permits")
    .addColumn("device", "text", (c) => c.primaryKey())
    .addColumn("until_ms", "bigint", (c) => c.notNull())
    .execute();
}

/** Devices that ask to join without a token: one row for each key under each name. */
async function pendingDevices({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("pending_devices")
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("fingerprint", "text", (c) => c.notNull())
    .addColumn("network", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("first_ms", "bigint", (c) => c.notNull())
    .addColumn("heard_ms", "bigint", (c) => c.notNull())
    .addColumn("decided_ms", "bigint")
    .addColumn("certificate", "text")
    .addPrimaryKeyConstraint("pending_devices_pk", ["device", "fingerprint"])
    .execute();
}

/**
 * Rollouts in stages. Those of before had one stage of all their devices; what a device had before them is not known, and
 * which order it was taken in does not matter any more.
 */
async function rolloutStages(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.alterTable("rollouts").addColumn("spec_json", "text").execute();
  await schema.alterTable("rollouts").addColumn("label", "text").execute();
  await schema.alterTable("rollouts").addColumn("author", "text").execute();
  await schema.alterTable("rollouts").addColumn("why", "text").execute();
  await schema
    .alterTable("rollouts")
    .addColumn("stage", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable("rollouts")
    .addColumn("stage_phase", "text", (c) => c.notNull().defaultTo("deploying"))
    .execute();
  await schema
    .alterTable("rollouts")
    .addColumn("stage_since_ms", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable("rollouts")
    .addColumn("approvals_json", "text", (c) => c.notNull().defaultTo("[]"))
    .execute();
  await schema.alterTable("rollouts").addColumn("gates_json", "text").execute();
  await schema.alterTable("rollouts").addColumn("gates_waived_stage", "integer").execute();
  await schema
    .alterTable("rollouts")
    .addColumn("failures_accepted", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable("rollouts")
    .addColumn("priority", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable("rollouts")
    .addColumn("follow", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await rolloutMembers(db);
  await sql`
    UPDATE rollout_devices SET live = 0 WHERE EXISTS (
      SELECT 1 FROM rollout_devices AS later_member
      JOIN rollouts AS later ON later.id = later_member.rollout
      JOIN rollouts AS own ON own.id = rollout_devices.rollout
      WHERE later_member.device = rollout_devices.device AND later.name = own.name AND later.id > own.id
    )`.execute(db);
  await sql`UPDATE rollout_devices SET ask = 'forward', stage = 0, started_ms = since_ms WHERE seq IS NOT NULL`.execute(
    db,
  );
}

async function rolloutMembers(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  const members = () => schema.alterTable("rollout_devices");
  await members().addColumn("stage", "integer").execute();
  await members()
    .addColumn("ask", "text", (c) => c.notNull().defaultTo("none"))
    .execute();
  await members()
    .addColumn("live", "integer", (c) => c.notNull().defaultTo(1))
    .execute();
  await members()
    .addColumn("reachable", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await members()
    .addColumn("tries", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  await members()
    .addColumn("ordinal", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();
  await members().addColumn("previous_json", "text").execute();
  await members().addColumn("started_ms", "bigint").execute();
  await members().addColumn("done_ms", "bigint").execute();
  await members().addColumn("predicted_json", "text").execute();
  // Each is what one question of the engine reads, so that it reads nothing else.
  await schema
    .createIndex("rollout_devices_tally")
    .on("rollout_devices")
    .columns(["rollout", "state", "stage", "ask", "live", "reachable"])
    .execute();
  await schema
    .createIndex("rollout_devices_started")
    .on("rollout_devices")
    .columns(["rollout", "started_ms"])
    .execute();
  await sql`
    CREATE INDEX rollout_devices_to_take ON rollout_devices (rollout, ordinal)
    WHERE state = 'waiting' AND ask = 'none' AND live = 1 AND reachable = 1`.execute(db);
  await sql`
    CREATE INDEX rollout_devices_to_revert ON rollout_devices (rollout, stage, ordinal)
    WHERE ask = 'forward' AND live = 1`.execute(db);
  await sql`
    CREATE INDEX rollout_devices_unsettled ON rollout_devices (rollout, device)
    WHERE live = 1 AND state IN ('waiting', 'deploying', 'reverting')`.execute(db);
}

/** A group is a saved selector: which devices it has is asked each time. */
async function deviceGroups({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("device_groups")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("selector", "text", (c) => c.notNull())
    .addColumn("created_ms", "bigint", (c) => c.notNull())
    .addColumn("changed_ms", "bigint", (c) => c.notNull())
    .execute();
}

/** Which rollout an event tells of. */
async function historyOfRollouts(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("events").addColumn("rollout", "integer").execute();
  await sql`CREATE INDEX events_rollout ON events (rollout, id) WHERE rollout IS NOT NULL`.execute(db);
}

/** How fast a device got the bundle: what later plans foretell from. */
async function deliveries(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("rollout_devices").addColumn("fetched_bytes", "bigint").execute();
  await db.schema.alterTable("rollout_devices").addColumn("fetched_ms", "double precision").execute();
  await sql`CREATE INDEX rollout_devices_done ON rollout_devices (done_ms) WHERE done_ms IS NOT NULL`.execute(db);
}

/**
 * Counts that every account of a stream rests on, kept with its watermark, so that no account has to count records; and
 * places for what records are added up to: by device when they are old, and over the whole fleet as they come.
 */
async function telemetryRollups(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  for (const name of ["received", "declared", "lost_here", "expired", "loss_unknown"]) {
    const type = name === "loss_unknown" ? "integer" : "bigint";
    await schema
      .alterTable("streams")
      .addColumn(name, type, (c) => c.notNull().defaultTo(0))
      .execute();
  }
  await schema
    .createTable("telemetry_rollups")
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("span_ms", "bigint", (c) => c.notNull())
    .addColumn("at_ms", "bigint", (c) => c.notNull())
    .addColumn("stream", "text", (c) => c.notNull())
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("records", "bigint", (c) => c.notNull())
    .addColumn("fields_json", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("telemetry_rollups_pk", ["device", "kind", "span_ms", "at_ms", "stream", "subject"])
    .execute();
  await schema.createIndex("telemetry_rollups_age").on("telemetry_rollups").columns(["span_ms", "at_ms"]).execute();
  await schema
    .createTable("inference_totals")
    .addColumn("slot", "text", (c) => c.notNull())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("span_ms", "bigint", (c) => c.notNull())
    .addColumn("at_ms", "bigint", (c) => c.notNull())
    .addColumn("fields_json", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("inference_totals_pk", ["span_ms", "at_ms", "slot", "version"])
    .execute();
  await schema
    .createTable("inference_devices")
    .addColumn("slot", "text", (c) => c.notNull())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("first_ms", "bigint", (c) => c.notNull())
    .addColumn("last_ms", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("inference_devices_pk", ["slot", "version", "device"])
    .execute();
  await sql`CREATE INDEX telemetry_inference ON telemetry (device, at_ms) WHERE kind = 'inference'`.execute(db);
  await countStreams(db);
}

/** Devices roll records up themselves, and tell by a stream's life whether an older copy of them goes on with it. */
async function rolledUpOnDevices({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .alterTable("streams")
    .addColumn("rolled_up", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();
  await schema.alterTable("streams").addColumn("life", "text").execute();
}

/** From what is there: this database has never deleted a record. */
async function countStreams(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TEMPORARY TABLE gaps_of_streams AS
    SELECT device,
      CASE WHEN json_extract(fields_json, '$.cause') = 'database-damaged' THEN json_extract(fields_json, '$.stream')
        ELSE coalesce(json_extract(fields_json, '$.stream'), stream) END AS stream,
      json_extract(fields_json, '$.count') AS numbers,
      json_extract(fields_json, '$.cause') = 'controller-lost' AS is_own
    FROM telemetry WHERE kind = 'gap' AND json_extract(fields_json, '$.cause') IN
      ('capacity', 'disk', 'oversize', 'power-cut', 'database-damaged', 'controller-lost')`.execute(db);
  await sql`
    UPDATE streams SET
      declared = coalesce((SELECT sum(g.numbers) FROM gaps_of_streams AS g
        WHERE g.device = streams.device AND g.stream = streams.stream), 0),
      lost_here = (SELECT count(*) FROM gaps_of_streams AS g
        WHERE g.device = streams.device AND g.stream = streams.stream AND g.is_own),
      loss_unknown = EXISTS (SELECT 1 FROM gaps_of_streams AS g
        WHERE g.device = streams.device AND g.stream = streams.stream AND g.numbers IS NULL)`.execute(db);
  await sql`
    UPDATE streams SET received = (SELECT count(*) FROM telemetry AS t
      WHERE t.device = streams.device AND t.stream = streams.stream) - lost_here`.execute(db);
  await sql`DROP TABLE gaps_of_streams`.execute(db);
}

/** One row for each device and thing that it does wrong, however often it does it. */
async function telemetryProblems({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("telemetry_problems")
    .addColumn("device", "text", (c) => c.notNull())
    .addColumn("problem", "text", (c) => c.notNull())
    .addColumn("count", "bigint", (c) => c.notNull())
    .addColumn("first_ms", "bigint", (c) => c.notNull())
    .addColumn("last_ms", "bigint", (c) => c.notNull())
    .addColumn("example", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("telemetry_problems_pk", ["device", "problem"])
    .execute();
}

/** Drift is read by time over the whole fleet; of all telemetry these are a few rows in a thousand. */
async function indexDistributions(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX telemetry_distributions ON telemetry (at_ms) WHERE kind = 'distribution'`.execute(db);
  await sql`CREATE INDEX rollups_distributions ON telemetry_rollups (at_ms) WHERE kind = 'distribution'`.execute(db);
}

/** Scores of anomalies, which are asked for every minute; three of the eighty distributions of a version. */
async function indexScores(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE INDEX telemetry_scores ON telemetry (at_ms)
    WHERE kind = 'distribution' AND fields_json ->> '$.role' = 'score'`.execute(db);
}
