/**
 * Makes and reads certificates, certificate requests and revocation lists: all of ECDSA P-256 with SHA-256, in and out as
 * Node's keys and PEM text. Verification of chains is TLS's and Node's own work, not this file's.
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { createPublicKey, randomBytes, webcrypto, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

const EC = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING = { name: "ECDSA", hash: "SHA-256" } as const;
x509.cryptoProvider.set(webcrypto);

/** Extended key usages, RFC 5280 4.2.1.12. */
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate authority that signs leaves only: no authority below it. */
export async function createAuthority(key: KeyObject, name: string, validity: Validity): Promise<string> {
  const keys = await pairOf(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: named(name),
    ...validity,
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pemOf(certificate);
}

export interface Issuer {
  readonly certificatePem: string;
  readonly key: KeyObject;
}

export interface Leaf extends Validity {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** A server's names and addresses; what has none is a client. */
  readonly hosts?: readonly string[];
}

export async function issueCertificate(issuer: Issuer, { commonName, publicKey, hosts, ...validity }: Leaf) {
  const authority = new x509.X509Certificate(issuer.certificatePem);
  const subjectKey = await cryptoKey(publicKey, "verify");
  const names = (hosts ?? []).map((host) => ({ type: isIP(host) === 0 ? "dns" : "ip", value: host }) as const);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: named(commonName),
    issuer: authority.subjectName,
    notBefore: validity.notBefore,
    notAfter: validity.notAfter,
    signingAlgorithm: SIGNING,
    publicKey: subjectKey,
    signingKey: await cryptoKey(issuer.key, "sign"),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([hosts === undefined ? CLIENT_AUTH : SERVER_AUTH], true),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { pem: pemOf(certificate), serial: normalSerial(certificate.serialNumber) };
}

/** A request (PKCS#10, PEM) for this key; signed with it, which proves possession. */
export async function createRequest(key: KeyObject, commonName: string): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: named(commonName),
    signingAlgorithm: SIGNING,
    keys: await pairOf(key),
  });
  return `${request.toString("pem")}\n`;
}

/** The public key of a request whose signature holds; undefined for any other text. Its subject is not looked at. */
export async function provenKeyOf(requestPem: string): Promise<KeyObject | undefined> {
  try {
    const request = new x509.Pkcs10CertificateRequest(requestPem);
    if (!(await request.verify())) return undefined;
    return createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

export interface Revocation {
  readonly serial: string;
  readonly atMs: number;
}

/** A list without an end of validity: it holds until the next one takes its place. */
export async function createRevocationList(
  issuer: Issuer,
  revocations: readonly Revocation[],
  nowMs: number,
): Promise<string> {
  const authority = new x509.X509Certificate(issuer.certificatePem);
  const list = await x509.X509CrlGenerator.create({
    issuer: authority.subjectName,
    thisUpdate: new Date(nowMs),
    entries: revocations.map(({ serial, atMs }) => ({ serialNumber: serial, revocationDate: new Date(atMs) })),
    signingAlgorithm: SIGNING,
    signingKey: await cryptoKey(issuer.key, "sign"),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey)],
  });
  // RFC 7468 5.2 names the header; OpenSSL reads no other.
  return `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;
}

/** As Node writes it in `X509Certificate.serialNumber`, but in lower case and without leading zeros. */
export function normalSerial(hexadecimal: string): string {
  return hexadecimal.toLowerCase().replace(/^0+(?=.)/, "");
}

/** As text, whatever it begins with: a bare string with `#` would be read as hexadecimal (RFC 4514 2.4). */
function named(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

/** 127 random bits, positive (RFC 5280 4.1.2.2), without a leading zero in any notation. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString("hex");
}

function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

async function pairOf(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  return { privateKey: await cryptoKey(key, "sign"), publicKey: await cryptoKey(createPublicKey(key), "verify") };
}

function cryptoKey(key: KeyObject, usage: "sign" | "verify"): Promise<webcrypto.CryptoKey> {
  const format = usage === "sign" ? "pkcs8" : "spki";
  const der = key.export({ format: "der", type: format });
  return webcrypto.subtle.importKey(format, der, EC, true, [usage]);
}
