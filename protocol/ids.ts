import { Type } from "typebox";
import { ID_CHARS_MAX } from "./limits.ts";

/** One level of a topic, one DNS label: lower-case letters, digits, hyphens; begins with a letter or digit. */
const ID_PATTERN = `^[a-z0-9][a-z0-9-]{0,${String(ID_CHARS_MAX - 1)}}$`;

type Branded<Name extends string> = string & { readonly __brand: Name };
const brandedId = <Name extends string>() => Type.Unsafe<Branded<Name>>(Type.String({ pattern: ID_PATTERN }));

export const FleetId = brandedId<"FleetId">();
export type FleetId = Branded<"FleetId">;

export const DeviceId = brandedId<"DeviceId">();
export type DeviceId = Branded<"DeviceId">;

/** Who asks for a prediction over MQTT: an application, or the controller itself. */
export const CallerId = brandedId<"CallerId">();
export type CallerId = Branded<"CallerId">;

/** Devices that listen together; every device belongs to `all`. */
export const GroupId = brandedId<"GroupId">();
export type GroupId = Branded<"GroupId">;
export const ALL_DEVICES = "all" as GroupId;

export const ModelName = brandedId<"ModelName">();
export type ModelName = Branded<"ModelName">;

/** A label for people, such as `1.4.0`; never an identity. Its characters are safe in paths, topics and URLs. */
export const ModelVersion = Type.Unsafe<ModelVersion>(Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$" }));
export type ModelVersion = Branded<"ModelVersion">;

/** SHA-256 as 64 lower-case hexadecimal digits. */
export const Sha256 = Type.Unsafe<Sha256>(Type.String({ pattern: "^[0-9a-f]{64}$" }));
export type Sha256 = Branded<"Sha256">;

/**
 * SHA-256 of a bundle's signed statement, the exact payload bytes: the identity of a bundle everywhere.
 * (The standard's own subject digest does not bind file names, so it cannot serve.)
 */
export const StatementDigest = Type.Unsafe<StatementDigest>(Type.String({ pattern: "^[0-9a-f]{64}$" }));
export type StatementDigest = Branded<"StatementDigest">;

/** 64 random bits, hexadecimal: one broadcast of one blob. */
export const TransferId = Type.Unsafe<TransferId>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
export type TransferId = Branded<"TransferId">;

/** 128 random bits, hexadecimal: made with a device's telemetry database, so a new database is a new stream. */
export const StreamId = Type.Unsafe<StreamId>(Type.String({ pattern: "^[0-9a-f]{32}$" }));
export type StreamId = Branded<"StreamId">;

/** 64 random bits, hexadecimal: one connection of one device; matches a death to its birth. */
export const SessionId = Type.Unsafe<SessionId>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
export type SessionId = Branded<"SessionId">;

/** Kubernetes' rule for label keys and values, without prefixes. */
export const LabelText = Type.String({ pattern: "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$" });
export const Labels = Type.Record(LabelText, LabelText);
export type Labels = Readonly<Record<string, string>>;

const idPattern = new RegExp(ID_PATTERN);

/** True for text that can stand as one level of a topic. */
export function isId(text: string): boolean {
  return idPattern.test(text);
}
