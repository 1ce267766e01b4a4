/** What a device and the enrolment endpoint say to each other: JSON over HTTPS, one answer for each request. */
import { Type, type Static } from "typebox";
import { DeviceId, FleetId } from "../ids.ts";
import { closedObject, gate } from "../schema.ts";
import { JoinSecret } from "./join-token.ts";

/** The largest request or answer: certificates are about 800 bytes, a root with many keys some kilobytes. */
export const ENROL_BODY_BYTES_MAX = 64 * 1024;

/** GET: the fleet's first root, as bytes. The device holds it against the pin that it was given elsewhere. */
export const ENROL_ROOT_PATH = "/enrol/v1/root";
/** POST JoinRequest → EnrolAnswer. */
export const ENROL_JOIN_PATH = "/enrol/v1/join";
/** POST RenewRequest → EnrolAnswer. */
export const ENROL_RENEW_PATH = "/enrol/v1/renew";

/** POST AskRequest → AskAnswer, again and again until an operator has decided. */
export const ENROL_ASK_PATH = "/enrol/v1/ask";

const Pem = Type.String({ minLength: 1, maxLength: 8_192 });

export const JoinRequest = closedObject({
  fleet: FleetId,
  secret: JoinSecret,
  /** PKCS#10 in PEM: its signature proves possession of the key, its subject means nothing. */
  csr: Pem,
});
export type JoinRequest = Static<typeof JoinRequest>;
export const checkJoinRequest = gate("join request", JoinRequest);

export const RenewRequest = closedObject({
  /** The certificate that ends soon, or ended lately. */
  certificate: Pem,
  /** Signed by that certificate's key, which stays the device's key: the proof. */
  csr: Pem,
});
export type RenewRequest = Static<typeof RenewRequest>;
export const checkRenewRequest = gate("renewal request", RenewRequest);

export const EnrolAnswer = Type.Object({
  device: DeviceId,
  /** For mutual TLS; the key is the device's own. */
  certificate: Pem,
  /** Whom the device believes to be the broker. */
  ca: Pem,
  /** `mqtts://host:port`. */
  broker: Type.String({ pattern: "^mqtts?://[^/?#\\s]+$", maxLength: 300 }),
});
export type EnrolAnswer = Static<typeof EnrolAnswer>;
export const checkEnrolAnswer = gate("answer of the enrolment endpoint", EnrolAnswer);

export const AskRequest = closedObject({
  /** Absent: whichever fleet it is that answers under the CA which the device was told. */
  fleet: Type.Optional(FleetId),
  device: DeviceId,
  /** As in JoinRequest; an operator says yes to this key, under this name, and to nothing else. */
  csr: Pem,
});
export type AskRequest = Static<typeof AskRequest>;
export const checkAskRequest = gate("request to join", AskRequest);

export const AskAnswer = Type.Union([
  Type.Object({ state: Type.Literal("waiting"), fleet: FleetId }),
  Type.Object({ state: Type.Literal("granted"), fleet: FleetId, granted: EnrolAnswer }),
]);
export type AskAnswer = Static<typeof AskAnswer>;
export const checkAskAnswer = gate("answer to a request to join", AskAnswer);

/** Any other status than 200. */
export const EnrolRefusal = Type.Object({ code: Type.String(), message: Type.String() });
export type EnrolRefusal = Static<typeof EnrolRefusal>;
export const checkEnrolRefusal = gate("refusal of the enrolment endpoint", EnrolRefusal);
