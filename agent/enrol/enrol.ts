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
import { sha256 } from "../../protocol/trust/digest.ts";
import { askEndpoint, type EnrolEndpoint } from "./enrol-connection.ts";
import { readCertificate } from "./own-certificate.ts";

/** The first root as the controller has it; nothing about it is believed here. */
export function fetchRoot(endpoint: EnrolEndpoint): Promise<Uint8Array> {
  return askEndpoint(endpoint, "GET", ENROL_ROOT_PATH);
}

/** Throws FerryError; after that the token may be spent. */
export async function enrol(token: JoinToken, key: KeyObject): Promise<EnrolAnswer> {
  const request: JoinRequest = { fleet: token.fleet, secret: token.secret, csr: await requestFor(key, token.device) };
  return checkedAnswer(await ask(token, ENROL_JOIN_PATH, request), token, key, token.device);
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
  return checkedAnswer(await ask(endpoint, ENROL_RENEW_PATH, request), endpoint, key, device);
}

async function ask(endpoint: EnrolEndpoint, path: string, request: JoinRequest | RenewRequest): Promise<EnrolAnswer> {
  const bytes = await askEndpoint(endpoint, "POST", path, request);
  return parseJson("answer", bytes, ENROL_BODY_BYTES_MAX, checkEnrolAnswer);
}

/** Signed by the key: the proof that whoever asks has it. */
export async function requestFor(key: KeyObject, device: DeviceId): Promise<string> {
  // Needed once in 60 days: an agent does not carry the library in memory for the rest of the time.
  const { createRequest } = await import("../../common/x509.ts");
  return createRequest(key, device);
}

/** Throws FerryError `enrol-wrong-answer` for a certificate of another name or key, or another CA than the endpoint's. */
export function checkedAnswer(
  answer: EnrolAnswer,
  endpoint: EnrolEndpoint,
  key: KeyObject,
  device: DeviceId,
): EnrolAnswer {
  const isOwn = answer.device === device && readCertificate(answer.certificate)?.checkPrivateKey(key) === true;
  if (isOwn && authorityDigest(answer.ca) === endpoint.ca) return answer;
  const what = isOwn ? "another CA than the one that it was known by" : `a certificate that is not that of ${device}`;
  throw new FerryError("enrol-wrong-answer", `The controller answered with ${what}`, {
    hint: "Nothing was written. Ask an operator; if it happens again, the controller is not to be trusted.",
    exitCode: EXIT.notAllowed,
  });
}

function authorityDigest(pem: string): string | undefined {
  const key = readCertificate(pem)?.publicKey;
  return key === undefined ? undefined : sha256(key.export({ type: "spki", format: "der" }));
}
