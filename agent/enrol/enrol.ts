/** From a token to a certificate, and from a certificate to the next one. The device's key never leaves. */
import type { KeyObject } from "node:crypto";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import {
  checkEnrolAnswer,
  ENROL_BODY_BYTES_MAX,
  ENROL_JOIN_PATH,
  ENROL_RENEW_PATH,
  ENROL_ROOT_PATH,
  type EnrolAnswer,
  type JoinRequest,
  type RenewRequest,
} from "../../protocol/enrol/enrol-messages.ts";
import type { JoinToken } from "../../protocol/enrol/join-token.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { parseJson } from "../../protocol/schema.ts";
import { askEndpoint, type EnrolEndpoint } from "./enrol-connection.ts";
import { readCertificate } from "./own-certificate.ts";

/** The first root as the controller has it; nothing about it is believed here. */
export function fetchRoot(endpoint: EnrolEndpoint): Promise<Uint8Array> {
  return askEndpoint(endpoint, "GET", ENROL_ROOT_PATH);
}

/** Throws FerryError; after that the token may be spent. */
export async function enrol(token: JoinToken, key: KeyObject): Promise<EnrolAnswer> {
  const request: JoinRequest = { fleet: token.fleet, secret: token.secret, csr: await requestFor(key, token.device) };
  const bytes = await askEndpoint(token, "POST", ENROL_JOIN_PATH, request);
  return checkedAnswer(bytes, key, token.device);
}

export interface Renewing {
  readonly endpoint: EnrolEndpoint;
  readonly device: DeviceId;
  readonly key: KeyObject;
  /** The certificate that ends, PEM. */
  readonly certificate: string;
}

/** Throws FerryError. */
export async function renew({ endpoint, device, key, certificate }: Renewing): Promise<EnrolAnswer> {
  const request: RenewRequest = { certificate, csr: await requestFor(key, device) };
  return checkedAnswer(await askEndpoint(endpoint, "POST", ENROL_RENEW_PATH, request), key, device);
}

async function requestFor(key: KeyObject, device: DeviceId): Promise<string> {
  // Needed once in 60 days: an agent does not carry the library in memory for the rest of the time.
  const { createRequest } = await import("../../common/x509.ts");
  return createRequest(key, device);
}

function checkedAnswer(bytes: Uint8Array, key: KeyObject, device: DeviceId): EnrolAnswer {
  const answer = parseJson("answer", bytes, ENROL_BODY_BYTES_MAX, checkEnrolAnswer);
  const certificate = readCertificate(answer.certificate);
  if (answer.device === device && certificate?.checkPrivateKey(key) === true) return answer;
  throw new FerryError(
    "enrol-wrong-answer",
    `The controller answered with a certificate that is not that of ${device}`,
    {
      hint: "Ask for a new token; nothing was written.",
      exitCode: EXIT.notAllowed,
    },
  );
}
