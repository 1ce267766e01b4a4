/** What an operator hands to a device, by a way that others cannot read: one line of text. */
import { Type, type Static } from "typebox";
import { DeviceId, FleetId, Sha256 } from "../ids.ts";
import { ProtocolError } from "../protocol-error.ts";
import { closedObject, gate, parseJson } from "../schema.ts";

/** 256 random bits, base64url: only its SHA-256 is kept by the controller. */
export const JoinSecret = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });

export const JoinToken = closedObject({
  /** `https://host:port` of the enrolment endpoint. */
  url: Type.String({ pattern: "^https://[^/?#\\s]+$", maxLength: 300 }),
  /** SHA-256 of the device CA's public key (SPKI, DER): who answers must prove it before anything is said. */
  ca: Sha256,
  fleet: FleetId,
  device: DeviceId,
  secret: JoinSecret,
});
export type JoinToken = Static<typeof JoinToken>;

const PREFIX = "mfj1.";
const TOKEN_BYTES_MAX = 2_048;
const check = gate("join token", JoinToken);

export function formatJoinToken(token: JoinToken): string {
  return PREFIX + Buffer.from(JSON.stringify(token)).toString("base64url");
}

/** True for what is meant as a token, whole or not. */
export function looksLikeJoinToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Throws MALFORMED, OVERSIZE or SCHEMA: the secret is never part of the message. */
export function parseJoinToken(text: string): JoinToken {
  const encoded = text.slice(PREFIX.length);
  if (!looksLikeJoinToken(text) || !/^[A-Za-z0-9_-]+$/.test(encoded)) {
    throw new ProtocolError("MALFORMED", "join token", "is not one, or a part of it is missing");
  }
  return parseJson("join token", Buffer.from(encoded, "base64url"), TOKEN_BYTES_MAX, check);
}
