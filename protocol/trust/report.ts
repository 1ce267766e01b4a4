/** What a device says of itself, signed with its own key: the evidence from which a rollout counts. */
import { Type, type Static } from "typebox";
import { DeviceId, FleetId, ModelName, ModelVersion, SessionId, StatementDigest, StreamId } from "../ids.ts";
import { SLOTS_MAX } from "../limits.ts";
import { ParameterValues } from "../bundle/parameters.ts";
import { gate } from "../schema.ts";
import { envelopeJson, signEnvelope, type DsseEnvelope, type OpenedEnvelope } from "./dsse.ts";
import { Evidence } from "./evidence.ts";
import type { Signer } from "./keys.ts";
import { Refusal } from "./refusal.ts";

export const REPORT_TYPE = "application/vnd.modelferry.report.v1+json";

/** The phases of a slot. `idle`: nothing wished, nothing running. */
export const Phase = Type.Union([
  Type.Literal("idle"),
  Type.Literal("transferring"),
  Type.Literal("verifying"),
  Type.Literal("qualifying"),
  Type.Literal("soaking"),
  Type.Literal("committed"),
  Type.Literal("failed"),
  Type.Literal("rolled-back"),
]);
export type Phase = Static<typeof Phase>;

const BundleLabel = { model: ModelName, version: ModelVersion, statement: StatementDigest };

/** Requests that one version took on while another soaks. */
const Counted = { requests: Type.Integer({ minimum: 0 }), failed: Type.Integer({ minimum: 0 }) };

export const SoakReport = Type.Object({
  /** When it is over at the earliest, as the device counts time; absent until a fresh deployment confirms the wish. */
  untilMs: Type.Optional(Type.Number()),
  ...Counted,
  /** Of the model's own time; absent before the first request. */
  latencyP95Ms: Type.Optional(Type.Number()),
  /** What it answers meanwhile, beside the version in `active`; absent: everything, so that it is the one in `active`. */
  traffic: Type.Optional(
    Type.Object({ kind: Type.Union([Type.Literal("split"), Type.Literal("shadow")]), share: Type.Number() }),
  ),
  /** In a split or a shadow: how the former version did in the same time. */
  former: Type.Optional(Type.Object({ ...Counted, latencyP95Ms: Type.Optional(Type.Number()) })),
  /** Requests that both versions computed, those that they answered alike, and copies that there was no time for. */
  compared: Type.Optional(Type.Integer({ minimum: 0 })),
  alike: Type.Optional(Type.Integer({ minimum: 0 })),
  copiesDropped: Type.Optional(Type.Integer({ minimum: 0 })),
});

export type SoakReport = Static<typeof SoakReport>;

export const SlotReport = Type.Object({
  slot: ModelName,
  phase: Phase,
  /** The statement that the newest accepted deployment wishes here; absent when it wishes none. */
  desired: Type.Optional(StatementDigest),
  /** What is loaded and answering right now, as the runner itself says; absent when nothing is. */
  active: Type.Optional(
    Type.Object({
      ...BundleLabel,
      sinceMs: Type.Number(),
      evidence: Evidence,
      /** Parameters that are set, and in force; absent: all have the defaults of `model.json`. */
      params: Type.Optional(ParameterValues),
    }),
  ),
  /** A verified bundle on disk to which the device can go back without a download; while soaking, the standby. */
  lastKnownGood: Type.Optional(Type.Object(BundleLabel)),
  /** Why the desired statement is not active, where it was refused. */
  refusal: Type.Optional(Refusal),
  transfer: Type.Optional(
    Type.Object({ doneBytes: Type.Integer({ minimum: 0 }), totalBytes: Type.Integer({ minimum: 0 }) }),
  ),
  /** How fast the archive of `desired` came, where this run of the agent fetched it: what a forecast is made from. */
  fetched: Type.Optional(Type.Object({ bytes: Type.Integer({ minimum: 0 }), ms: Type.Number({ minimum: 0 }) })),
  /** While soaking: how the desired version has done since it got traffic of its own, or copies of it. */
  soak: Type.Optional(SoakReport),
});
export type SlotReport = Static<typeof SlotReport>;

/** Device → controller, QoS 1: at each change of a slot, and as heartbeat. Newer agents may add fields. */
export const Report = Type.Object({
  v: Type.Literal(1),
  fleet: FleetId,
  device: DeviceId,
  /** Ascends over restarts; a report at or below the last one is a replay. */
  counter: Type.Integer({ minimum: 1 }),
  session: SessionId,
  atMs: Type.Number(),
  uptimeMs: Type.Number(),
  /** The next heartbeat comes within this time; after 2.5 of them the device counts as offline. */
  heartbeatMs: Type.Integer({ minimum: 1_000 }),
  rootVersion: Type.Integer({ minimum: 1 }),
  /** The sequence of the newest accepted deployment; 0 for none. */
  seq: Type.Integer({ minimum: 0 }),
  /** True while a nonce-fresh deployment vouches for the time: an unfresh device installs nothing. */
  fresh: Type.Boolean(),
  /** The last deployment document that was refused as a whole. */
  refusal: Type.Optional(Refusal),
  slots: Type.Array(SlotReport, { maxItems: SLOTS_MAX }),
  /** Bundles that this device refuses at once because they failed here for good; absent from older agents. */
  poisoned: Type.Optional(Type.Integer({ minimum: 0 })),
  telemetry: Type.Object({
    stream: StreamId,
    /** Records ever produced in this stream: with those received and the declared gaps, nothing can be lost unseen. */
    produced: Type.Integer({ minimum: 0 }),
    pending: Type.Integer({ minimum: 0 }),
  }),
});
export type Report = Static<typeof Report>;

const check = gate("device report", Report);

/** The payload of an envelope whose signature has been checked. Throws OVERSIZE, MALFORMED or SCHEMA. */
export function reportIn(envelope: OpenedEnvelope): Report {
  return envelopeJson("device report", envelope, check);
}

export function signReport(report: Report, device: Signer): Promise<DsseEnvelope> {
  return signEnvelope(REPORT_TYPE, Buffer.from(JSON.stringify(report)), [device]);
}
