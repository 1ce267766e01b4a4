import { Type, type Static } from "typebox";
import { SessionId } from "../ids.ts";
import { DOCUMENT_BYTES_MAX } from "../limits.ts";
import { gate, parseJson } from "../schema.ts";

/** 128 random bits or more, base64url. */
export const Nonce = Type.String({ pattern: "^[A-Za-z0-9_-]{22,64}$" });

/**
 * Device → controller, QoS 1, on connect and every 6 hours: asks for its deployment, re-issued with this nonce. An
 * answer within NONCE_ANSWER_MS_MAX proves to the device what time it is and that it sees the newest deployment.
 */
export const Hello = Type.Object({
  session: SessionId,
  nonce: Nonce,
  /** The newest root that the device has; the controller publishes the ones after it. */
  rootVersion: Type.Integer({ minimum: 1 }),
  /** The sequence of the deployment that the device holds; 0 for none. */
  seq: Type.Integer({ minimum: 0 }),
});
export type Hello = Static<typeof Hello>;

const check = gate("hello", Hello);

export function parseHello(bytes: Uint8Array): Hello {
  return parseJson("hello", bytes, DOCUMENT_BYTES_MAX, check);
}
