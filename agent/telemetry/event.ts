import type { RecordFields, RecordKind } from "../../protocol/messages/telemetry-batch.ts";

/** What an agent tells of itself, besides measurements. Each is one `event` record whose field `event` is the name. */
export type DeviceEvent =
  /** Fields: `agentVersion`, `bootId`. */
  | "agent-started"
  | "agent-stopped"
  /** Fields: `seq`. */
  | "deployment-accepted"
  /** Fields: `code`, `message`; a deployment document refused as a whole. */
  | "deployment-refused"
  /** Fields: `slot`, `phase`, `statement`. */
  | "phase-changed"
  /** Fields as of `FetchedArchive`. */
  | "bundle-fetched"
  /** Fields: `slot`, `statement`, `code`, `message`; one bundle refused. */
  | "bundle-refused"
  /** Fields: `slot`, `version`, `statement`, `fromVersion`: another version answers from here on. */
  | "swapped"
  /** Fields as of `swapped`, and `why`. */
  | "rolled-back"
  /** Fields: `slot`. */
  | "slot-cleared"
  /** Fields: `slot`: this device's administrator took it out of service, or back. */
  | "slot-suspended"
  | "slot-resumed"
  /** Fields: `slot`, `version`, `why`. */
  | "runner-crashed"
  /** Fields: `file`: where the damaged database was moved. */
  | "database-damaged"
  /** Fields: `successor`: the last record of a telemetry stream; later ones are in that other stream. */
  | "stream-sealed";

/** Where records go; the outbox is one. */
export interface RecordSink {
  /** Never throws, never blocks on the disk: what cannot be kept is declared as a gap. */
  readonly append: (kind: RecordKind, fields: RecordFields) => void;
}

export function recordEvent(sink: RecordSink, event: DeviceEvent, fields: RecordFields = {}): void {
  sink.append("event", { event, ...fields });
}
