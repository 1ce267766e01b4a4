/** The fleet's device CA: it says who a device is on the network, and is never believed about models. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { dirname } from "node:path";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { createKeyFile, readKeyFile } from "../../common/key-file.ts";
import {
  CLIENT_AUTH,
  createAuthority,
  createRevocationList,
  issueCertificate,
  normalSerial,
  type Issuer,
} from "../../common/x509.ts";
import type { CallerId, DeviceId, FleetId, Sha256 } from "../../protocol/ids.ts";
import { CERTIFICATE_LIFETIME_MS } from "../../protocol/enrol/lifetime.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { AuthorityPaths } from "../config.ts";
import { replaceFile } from "./replace-file.ts";
import { openRevocations, type IssuedTo } from "./revocations.ts";

/** Its key signs for machines that are in the field for long; who replaces it enrols every device again. */
const AUTHORITY_LIFETIME_MS = 20 * 365 * 24 * 3_600_000;
/** Servers get a new one at each start of the controller; a broker of its own once a year. */
const SERVER_LIFETIME_MS = 397 * 24 * 3_600_000;
/** Clocks of devices differ from the controller's. */
const CLOCK_SKEW_MS = 3_600_000;
/** A device that boots in 1970 must still be able to reach the controller, which then tells it the time. */
const ALWAYS = new Date(0);

export interface IssuedCertificate {
  readonly pem: string;
  readonly serial: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
}

export interface TlsIdentity {
  /** The certificate, and the authority's after it. */
  readonly cert: string;
  /** PKCS#8 PEM. */
  readonly key: string;
}

export interface Authority {
  readonly certificatePem: string;
  /** SHA-256 of the public key (SPKI, DER): by this a device knows the controller before it says anything. */
  readonly keyDigest: Sha256;
  /** For a device or a caller: the subject is this name and nothing else. */
  readonly issueClient: (name: DeviceId | CallerId, key: KeyObject, nowMs: number) => Promise<IssuedCertificate>;
  /** A fresh key with a certificate for it. */
  readonly newClient: (name: CallerId, nowMs: number) => Promise<TlsIdentity & IssuedCertificate>;
  readonly newServer: (hosts: readonly string[], nowMs: number) => Promise<TlsIdentity>;
  /** The name and serial of a certificate that this authority issued to a client; undefined for any other. */
  readonly read: (pem: string) => ClientCertificate | undefined;
  readonly isRevoked: (certificate: IssuedTo) => boolean;
  /** When this name was last revoked; -Infinity where it never was. */
  readonly revokedUntilMs: (name: string) => number;
  /** These serials, and whatever else was issued to this name until now. On disk when it resolves. */
  readonly revoke: (name: DeviceId, serials: readonly string[], nowMs: number) => Promise<void>;
}

export interface ClientCertificate extends IssuedTo {
  readonly key: KeyObject;
  readonly expiresMs: number;
}

/** Throws FerryError `exists`. */
export async function createAuthorityFiles(paths: AuthorityPaths, fleet: FleetId, nowMs: number): Promise<void> {
  if (existsSync(paths.certificate)) {
    throw new FerryError("exists", `A device CA lies in ${dirname(paths.certificate)} already; nothing was changed`, {
      hint: "Devices trust this one. With another, every device would have to enrol again.",
      exitCode: EXIT.conflict,
    });
  }
  const key = await createKeyFile(paths.key);
  const notAfter = new Date(nowMs + AUTHORITY_LIFETIME_MS);
  const pem = await createAuthority(key, `${fleet} device CA`, { notBefore: ALWAYS, notAfter });
  // Brokers that read the list want one from the beginning.
  await replaceFile(paths.revocationList, await createRevocationList({ certificatePem: pem, key }, [], nowMs));
  await replaceFile(paths.certificate, pem);
}

/** Throws FerryError `no-ca`, `key-exposed`, `ca-unusable`. */
export async function openAuthority(paths: AuthorityPaths): Promise<Authority> {
  if (!existsSync(paths.certificate)) {
    throw new FerryError("no-ca", `There is no device CA: ${paths.certificate} is not there`, {
      hint: "Make one with `ferry ca init`, or restore the folder from a backup.",
      exitCode: EXIT.notFound,
    });
  }
  const key = await readKeyFile(paths.key);
  const issuer: Issuer = { certificatePem: await readFile(paths.certificate, "utf8"), key };
  const certificate = matchingCertificate(paths, issuer);
  const revocations = await openRevocations(paths, issuer);

  const issueClient: Authority["issueClient"] = async (name, publicKey, nowMs) => {
    // Certificates tell seconds: one that is issued in the second of a revocation belongs to the next.
    const issuedMs = Math.max(nowMs, revocations.untilMs(name) + 1_000);
    const expiresMs = issuedMs + CERTIFICATE_LIFETIME_MS;
    const validity = { notBefore: new Date(issuedMs - CLOCK_SKEW_MS), notAfter: new Date(expiresMs) };
    const issued = await issueCertificate(issuer, { commonName: name, publicKey, ...validity });
    return { ...issued, issuedMs, expiresMs };
  };

  return {
    certificatePem: issuer.certificatePem,
    keyDigest: sha256(certificate.publicKey.export({ type: "spki", format: "der" })),
    issueClient,
    newClient: async (name, nowMs) => {
      const { privateKey, publicKey } = newKeyPair();
      const issued = await issueClient(name, publicKey, nowMs);
      return { ...issued, cert: issued.pem + issuer.certificatePem, key: pemOf(privateKey) };
    },
    newServer: async (hosts, nowMs) => {
      const { privateKey, publicKey } = newKeyPair();
      const validity = { notBefore: ALWAYS, notAfter: new Date(nowMs + SERVER_LIFETIME_MS) };
      const { pem } = await issueCertificate(issuer, {
        commonName: hosts[0] ?? "broker",
        publicKey,
        hosts,
        ...validity,
      });
      return { cert: pem + issuer.certificatePem, key: pemOf(privateKey) };
    },
    read: (pem) => readClient(pem, certificate),
    isRevoked: revocations.covers,
    revokedUntilMs: revocations.untilMs,
    revoke: revocations.add,
  };
}

/** Whether it has expired is for the caller to judge. */
function readClient(pem: string, authority: X509Certificate): ClientCertificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    if (!certificate.verify(authority.publicKey) || certificate.ca) return undefined;
    // A server's certificate must not become a device's by renewal.
    if (!certificate.keyUsage.includes(CLIENT_AUTH)) return undefined;
    const issued = issuedTo(certificate);
    if (issued === undefined) return undefined;
    const { publicKey, validToDate } = certificate;
    return { ...issued, key: publicKey, expiresMs: validToDate.getTime() };
  } catch {
    return undefined;
  }
}

/** Undefined where the subject has not exactly one common name, or the key is none. */
export function issuedTo(certificate: X509Certificate): IssuedTo | undefined {
  if (!hasKey(certificate)) return undefined;
  const { CN: name } = certificate.toLegacyObject().subject;
  if (typeof name !== "string") return undefined;
  const { serialNumber, validFromDate } = certificate;
  return { name, serial: normalSerial(serialNumber), issuedMs: validFromDate.getTime() + CLOCK_SKEW_MS };
}

/** Node.js 24.21 ends with a segmentation fault in `toLegacyObject` where the public key cannot be decoded. */
function hasKey(certificate: X509Certificate): boolean {
  try {
    return certificate.publicKey.type === "public";
  } catch {
    return false;
  }
}

function matchingCertificate(paths: AuthorityPaths, { certificatePem, key }: Issuer): X509Certificate {
  try {
    const certificate = new X509Certificate(certificatePem);
    if (!certificate.ca) throw new Error("it is not the certificate of an authority");
    if (!certificate.publicKey.equals(createPublicKey(key)))
      throw new Error(`it is not the certificate of ${paths.key}`);
    return certificate;
  } catch (cause) {
    throw new FerryError("ca-unusable", `Cannot use ${paths.certificate}: ${messageOf(cause)}`, {
      hint: "Restore the whole folder from one backup: key and certificate belong together.",
      cause,
    });
  }
}

function newKeyPair() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
