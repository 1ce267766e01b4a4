/** The fleet's device CA: it says who a device is on the network, and is never believed about models. */
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { dirname } from "node:path";
import { Type, type Static } from "typebox";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { createKeyFile, readKeyFile } from "../../common/key-file.ts";
import {
  CLIENT_AUTH,
  createAuthority,
  createRevocationList,
  issueCertificate,
  normalSerial,
  type Issuer,
  type Revocation,
} from "../../common/x509.ts";
import type { CallerId, DeviceId, FleetId, Sha256 } from "../../protocol/ids.ts";
import { CERTIFICATE_LIFETIME_MS } from "../../protocol/enrol/lifetime.ts";
import { closedObject, gate, parseJson } from "../../protocol/schema.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { AuthorityPaths } from "../config.ts";

/** Its key signs for machines that are in the field for long; who replaces it enrols every device again. */
const AUTHORITY_LIFETIME_MS = 20 * 365 * 24 * 3_600_000;
/** Servers get a new one at each start of the controller; a broker of its own once a year. */
const SERVER_LIFETIME_MS = 397 * 24 * 3_600_000;
/** Clocks of devices differ from the controller's. */
const CLOCK_SKEW_MS = 3_600_000;
/** A device that boots in 1970 must still be able to reach the controller, which then tells it the time. */
const ALWAYS = new Date(0);
/** A fleet of 100,000 that revoked all of them ten times over, at about 60 bytes each. */
const REVOCATIONS_BYTES_MAX = 64 * 1024 ** 2;

export interface IssuedCertificate {
  readonly pem: string;
  readonly serial: string;
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
  readonly isRevoked: (serial: string) => boolean;
  /** On disk when it resolves: a lost database must not bring a revoked device back. */
  readonly revoke: (serials: readonly string[], nowMs: number) => Promise<void>;
}

export interface ClientCertificate {
  readonly name: string;
  readonly serial: string;
  readonly key: KeyObject;
  readonly expiresMs: number;
}

const RevocationFile = closedObject({
  revoked: Type.Array(closedObject({ serial: Type.String({ pattern: "^[0-9a-f]{1,40}$" }), atMs: Type.Number() })),
});
const checkRevocations = gate("revoked.json", RevocationFile);

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
  const revoked = new Map((await readRevocations(paths)).map(({ serial, atMs }) => [serial, atMs]));
  let writing = Promise.resolve();

  async function writeRevocations(nowMs: number): Promise<void> {
    const revocations = [...revoked].map(([serial, atMs]): Revocation => ({ serial, atMs }));
    const file: Static<typeof RevocationFile> = { revoked: revocations };
    await replaceFile(paths.revocations, `${JSON.stringify(file)}\n`);
    await replaceFile(paths.revocationList, await createRevocationList(issuer, revocations, nowMs));
  }

  const issueClient: Authority["issueClient"] = async (name, publicKey, nowMs) => {
    const expiresMs = nowMs + CERTIFICATE_LIFETIME_MS;
    const validity = { notBefore: new Date(nowMs - CLOCK_SKEW_MS), notAfter: new Date(expiresMs) };
    const issued = await issueCertificate(issuer, { commonName: name, publicKey, ...validity });
    return { ...issued, expiresMs };
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
    isRevoked: (serial) => revoked.has(serial),
    revoke: async (serials, nowMs) => {
      // In memory first: what the disk is waited for must not let anyone in.
      for (const serial of serials) if (!revoked.has(serial)) revoked.set(serial, nowMs);
      writing = writing.catch(() => undefined).then(() => writeRevocations(nowMs));
      await writing;
    },
  };
}

/** Whether it has expired is for the caller to judge. */
function readClient(pem: string, authority: X509Certificate): ClientCertificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    if (!certificate.verify(authority.publicKey) || certificate.ca) return undefined;
    // A server's certificate must not become a device's by renewal.
    if (!certificate.keyUsage.includes(CLIENT_AUTH)) return undefined;
    const name = commonNameOf(certificate);
    if (name === undefined) return undefined;
    const { serialNumber, publicKey, validToDate } = certificate;
    return { name, serial: normalSerial(serialNumber), key: publicKey, expiresMs: validToDate.getTime() };
  } catch {
    return undefined;
  }
}

/** The subject's common name, if it has exactly one. */
export function commonNameOf(certificate: X509Certificate): string | undefined {
  const { CN } = certificate.toLegacyObject().subject;
  return typeof CN === "string" ? CN : undefined;
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

async function readRevocations(paths: AuthorityPaths): Promise<readonly Revocation[]> {
  if (!existsSync(paths.revocations)) return [];
  try {
    const bytes = await readFile(paths.revocations);
    return parseJson("revoked.json", bytes, REVOCATIONS_BYTES_MAX, checkRevocations).revoked;
  } catch (cause) {
    // Going on without it would let revoked devices in.
    throw new FerryError("ca-unusable", `Cannot read which certificates are revoked: ${messageOf(cause)}`, {
      hint: `Restore ${paths.revocations} from a backup.`,
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

/** Whole before or after a power cut. */
async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  {
    await using file = await open(temporary, "w", 0o644);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}
