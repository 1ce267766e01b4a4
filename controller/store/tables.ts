/** The rows of the controller's database. Times are the controller's own clock, in milliseconds; JSON is text. */
import type { Generated, Selectable } from "kysely";
import type {
  DeviceId,
  ModelName,
  ModelVersion,
  SessionId,
  Sha256,
  StatementDigest,
  StreamId,
} from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { Outcome } from "../audit/audit-entry.ts";
import type { OperatorRole } from "../operators/operator-role.ts";
import type { ProblemName } from "../telemetry/problem-names.ts";
import type { ExperimentState } from "./experiment-state.ts";
import type { Ask, RolloutDeviceState, RolloutState, StagePhase } from "./rollout-state.ts";

export interface Tables {
  readonly devices: DevicesTable;
  readonly device_labels: DeviceLabelsTable;
  readonly device_groups: DeviceGroupsTable;
  readonly reports: ReportsTable;
  readonly bundles: BundlesTable;
  readonly deployments: DeploymentsTable;
  readonly rollouts: RolloutsTable;
  readonly rollout_devices: RolloutDevicesTable;
  readonly experiments: ExperimentsTable;
  readonly experiment_tallies: ExperimentTalliesTable;
  readonly streams: StreamsTable;
  readonly telemetry: TelemetryTable;
  readonly telemetry_rollups: TelemetryRollupsTable;
  readonly inference_totals: InferenceTotalsTable;
  readonly inference_devices: InferenceDevicesTable;
  readonly telemetry_problems: TelemetryProblemsTable;
  readonly events: EventsTable;
  readonly join_tokens: JoinTokensTable;
  readonly certificates: CertificatesTable;
  readonly renewal_permits: RenewalPermitsTable;
  readonly pending_devices: PendingDevicesTable;
  readonly operators: OperatorsTable;
  readonly audit: AuditTable;
  readonly alerts: AlertsTable;
  readonly alert_rules: AlertRulesTable;
  readonly alert_silences: AlertSilencesTable;
  readonly alert_told: AlertToldTable;
  readonly schedules: SchedulesTable;
}

export interface DevicesTable {
  id: DeviceId;
  /** SPKI in PEM, as first seen: reports signed by another key are refused. */
  public_key: string | null;
  first_seen_ms: number;
  last_heard_ms: number;
  session: SessionId | null;
  online: 0 | 1;
  /** When `online` last changed. */
  online_since_ms: number;
  heartbeat_ms: number | null;
  /** The last DeviceInfo. */
  info_json: string | null;
}
export type DeviceRow = Selectable<DevicesTable>;

/** Labels that an operator set; they win over the device's own. */
export interface DeviceLabelsTable {
  device: DeviceId;
  key: string;
  value: string;
}

/** Selectors that have a name. */
export interface DeviceGroupsTable {
  name: string;
  selector: string;
  created_ms: number;
  changed_ms: number;
}
export type DeviceGroupRow = Selectable<DeviceGroupsTable>;

/** The newest signed report of each device. */
export interface ReportsTable {
  device: DeviceId;
  counter: number;
  received_ms: number;
  report_json: string;
}

export interface BundlesTable {
  statement: StatementDigest;
  name: ModelName;
  version: ModelVersion;
  archive_sha256: Sha256;
  archive_length: number;
  chunk_list_sha256: Sha256;
  model_json: string;
  pushed_ms: number;
}
export type BundleRow = Selectable<BundlesTable>;

/** What each device is to run: the source of its signed deployments. */
export interface DeploymentsTable {
  device: DeviceId;
  seq: number;
  slots_json: string;
  changed_ms: number;
}

export interface RolloutsTable {
  id: Generated<number>;
  statement: StatementDigest;
  name: ModelName;
  version: ModelVersion;
  selector: string;
  state: RolloutState;
  created_ms: number;
  finished_ms: number | null;
  /** A RolloutSpec; null for rollouts from before there were stages. */
  spec_json: string | null;
  /** What a person calls it. */
  label: string | null;
  /** Who began it: cannot approve its stages. */
  author: string | null;
  /** Why it is in its state, for a person. */
  why: string | null;
  /** Index into the stages of its specification. */
  stage: number;
  stage_phase: StagePhase;
  stage_since_ms: number;
  /** An array of Approval. */
  approvals_json: string;
  /** What the gates of the present stage said when they were read last: a GateReading. */
  gates_json: string | null;
  /** The stage that a person let through whatever its gates say. */
  gates_waived_stage: number | null;
  /** So many failed devices a person has accepted by resuming. */
  failures_accepted: number;
  priority: number;
  /** 1: devices that come to match the selector are taken too. */
  follow: 0 | 1;
}
export type RolloutRow = Selectable<RolloutsTable>;

export interface RolloutDevicesTable {
  rollout: number;
  device: DeviceId;
  state: RolloutDeviceState;
  /** The sequence of the deployment that asks for it; null while waiting. */
  seq: number | null;
  since_ms: number;
  /** One sentence for a person: why this device is not done. */
  why: string | null;
  /** The stage that took it; null until then. */
  stage: number | null;
  /** Which way the rollout has changed its deployment last. */
  ask: Ask;
  /** 0 once a later rollout of the model has the device. */
  live: 0 | 1;
  /** Online and able to be asked, as the rollout saw it last. */
  reachable: 0 | 1;
  /** Further tries after the first. */
  tries: number;
  /** Devices are taken in ascending order of this. */
  ordinal: number;
  /** The DeployedSlot that its deployment had before, or `null`; NULL while this rollout has not changed it. */
  previous_json: string | null;
  /** When the present try began. */
  started_ms: number | null;
  /** When it was first done. */
  done_ms: number | null;
  /** What the plan foretold: a Forecast. */
  predicted_json: string | null;
  /** How its archive came, by the report that proved it done; null where the device held the bundle or did not tell. */
  fetched_bytes: number | null;
  fetched_ms: number | null;
}
export type RolloutDeviceRow = Selectable<RolloutDevicesTable>;

/** Two versions side by side: the rollout splits the traffic, and this compares them. */
export interface ExperimentsTable {
  id: Generated<number>;
  name: string;
  /** The one that splits the traffic. */
  rollout: number;
  model: ModelName;
  /** B. */
  candidate: ModelVersion;
  /** A: what its devices served when it began. */
  former: ModelVersion;
  /** For people: what was asked for. */
  selector: string;
  /** An ExperimentSpec. */
  spec_json: string;
  author: string;
  created_ms: number;
  /** When it ends by itself. */
  ends_ms: number;
  state: ExperimentState;
  ended_ms: number | null;
  /** An operator's name, or `(system)`. */
  ended_by: string | null;
  /** Why it ended, for a person. */
  why: string | null;
  /** The rollout that brings B to its devices, where it was promoted. */
  promotion: number | null;
}
export type ExperimentRow = Selectable<ExperimentsTable>;

/** What one device of an experiment has counted: a DeviceTally. */
export interface ExperimentTalliesTable {
  experiment: number;
  device: DeviceId;
  tally_json: string;
}

/**
 * The watermark of each telemetry stream: everything before `next` is stored or declared as a gap. The counts change in
 * the same transactions as the records that they count: received + lost_here = rows of `telemetry` + records in
 * `telemetry_rollups` + expired.
 */
export interface StreamsTable {
  device: DeviceId;
  stream: StreamId;
  next: number;
  first_ms: number;
  last_ms: number;
  /** Records of the device that came, each once. */
  received: Generated<number>;
  /** Numbers of this stream that gap records declare missing. */
  declared: Generated<number>;
  /** Of these, the ones whose measurements came all the same, added up in another record. */
  rolled_up: Generated<number>;
  /** Of the last batch: see `StreamLife`. Null where the agent is older than that. */
  life: string | null;
  /** Gap records of this controller's own among the rows: it had acknowledged numbers and lost them. */
  lost_here: Generated<number>;
  /** Records that were deleted because of their age, alone or in a roll-up. */
  expired: Generated<number>;
  /** 1: the device lost an outbox with records of this stream, and cannot tell how many. */
  loss_unknown: Generated<0 | 1>;
}

export interface TelemetryTable {
  device: DeviceId;
  stream: StreamId;
  seq: number;
  /** The device's clock. */
  at_ms: number;
  received_ms: number;
  /** A RecordKind, or one of a later version of the wire. */
  kind: string;
  backfill: 0 | 1;
  fields_json: string;
}

/** What records of one device and stream in one stretch of time add up to; `fields_json` is a record of the same kind. */
export interface TelemetryRollupsTable {
  device: DeviceId;
  kind: RecordKind;
  /** How long the stretch is: a minute or an hour. */
  span_ms: number;
  /** When it begins, by the records' own times: a multiple of `span_ms`. */
  at_ms: number;
  stream: StreamId;
  /** What of the device it is about: slot and version. Empty: the device itself. */
  subject: string;
  /** Rows of `telemetry` that went into it. */
  records: number;
  fields_json: string;
}

/** What all devices' `inference` records of one version in one stretch of time add up to, as they come. */
export interface InferenceTotalsTable {
  slot: string;
  /** Empty where no version is to blame. */
  version: string;
  span_ms: number;
  at_ms: number;
  fields_json: string;
}

/** Which devices told of which version, and when: by the records' own times, `last_ms` up to ten minutes late. */
export interface InferenceDevicesTable {
  slot: string;
  version: string;
  device: DeviceId;
  first_ms: number;
  last_ms: number;
}

/** What a device sent as telemetry and should not have. */
export interface TelemetryProblemsTable {
  device: DeviceId;
  problem: ProblemName;
  /** Batches or records. */
  count: number;
  first_ms: number;
  last_ms: number;
  /** What it was the last time. */
  example: string;
}

/** What happened in the fleet, for people; append-only. */
export interface EventsTable {
  id: Generated<number>;
  at_ms: number;
  kind: string;
  device: DeviceId | null;
  /** The rollout that it is the history of. */
  rollout: number | null;
  text: string;
}

/** Who may use the HTTP API. */
export interface OperatorsTable {
  name: string;
  role: OperatorRole;
  /** Of the whole token, prefix included; the token itself is nowhere. */
  token_sha256: Sha256;
  created_ms: number;
  /** When the present token was made. */
  token_ms: number;
}
export type OperatorRow = Selectable<OperatorsTable>;

/** Who did what; never changed and never pruned. See `controller/audit/audit-entry.ts`. */
export interface AuditTable {
  seq: number;
  at_ms: number;
  actor: string;
  action: string;
  target: string | null;
  outcome: Outcome;
  detail: string | null;
  hash: Sha256;
}
export type AuditRow = Selectable<AuditTable>;

/** Each as `controller/alerts/decide.ts` has it. */
export interface AlertsTable {
  fingerprint: string;
  alert_json: string;
}

/** Of operators: an AlertRule each, over the program's own of the same name. */
export interface AlertRulesTable {
  name: string;
  rule_json: string;
  changed_ms: number;
}

export interface AlertSilencesTable {
  id: Generated<number>;
  matchers_json: string;
  until_ms: number;
  author: string;
  comment: string;
  created_ms: number;
}

/** What each receiver was told last of each alert: a program that starts again neither repeats nor forgets. */
export interface AlertToldTable {
  receiver: string;
  fingerprint: string;
  status: "firing" | "resolved";
  at_ms: number;
  /** Of the firing that was told. */
  fired_ms: number;
}

/** Reports by the clock. */
export interface SchedulesTable {
  name: string;
  /** A ScheduleSpec. */
  spec_json: string;
  /** A ScheduleState: when it is due, and what became of the last run. */
  state_json: string;
  author: string;
  /** When the specification was. */
  changed_ms: number;
}
export type ScheduleRow = Selectable<SchedulesTable>;

/** Each lets one device enrol once. */
export interface JoinTokensTable {
  secret_sha256: Sha256;
  device: DeviceId;
  created_ms: number;
  expires_ms: number;
  used_ms: number | null;
}

/** What the device CA issued to devices, so that a revocation finds all of it. */
export interface CertificatesTable {
  /** Hexadecimal, lower case, no leading zeros. */
  serial: string;
  device: DeviceId;
  issued_ms: number;
  expires_ms: number;
}

/** Devices that asked to join without a token, by their key; see `controller/enrol/pending-devices.ts`. */
export interface PendingDevicesTable {
  device: DeviceId;
  /** SHA-256 of the key (SPKI, DER) with which the request was signed. */
  fingerprint: string;
  /** From where it was asked first: an IPv4 address, or the network of an IPv6 one. */
  network: string;
  state: "waiting" | "approved" | "rejected";
  first_ms: number;
  heard_ms: number;
  decided_ms: number | null;
  /** What an approved one was given, PEM: given again where the answer was lost. */
  certificate: string | null;
}
export type PendingDeviceRow = Selectable<PendingDevicesTable>;

/** Devices that may renew a certificate that ended too long ago. */
export interface RenewalPermitsTable {
  device: DeviceId;
  until_ms: number;
}
