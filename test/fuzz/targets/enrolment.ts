/** What the enrolment endpoint and the command line take from whoever speaks to them. */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { FerryError } from "../../../common/ferry-error.ts";
import { createAuthority, createRequest, issueCertificate, provenKeyOf } from "../../../common/x509.ts";
import { readCertificate } from "../../../agent/enrol/own-certificate.ts";
import { issuedTo } from "../../../controller/enrol/authority.ts";
import { parseSelector, selects } from "../../../controller/fleet/selector.ts";
import {
  checkAskAnswer,
  checkAskRequest,
  checkEnrolAnswer,
  checkEnrolRefusal,
  checkJoinRequest,
  checkRenewRequest,
  ENROL_BODY_BYTES_MAX,
} from "../../../protocol/enrol/enrol-messages.ts";
import { formatJoinToken, parseJoinToken } from "../../../protocol/enrol/join-token.ts";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { parseJson } from "../../../protocol/schema.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import { allowRefusal, isProtocolError, json } from "../seed-files.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const validity = { notBefore: new Date(0), notAfter: new Date("2100-01-01") };
const secret = "s".repeat(43);
const token = {
  url: "https://127.0.0.1:8471",
  ca: sha256("ca"),
  fleet: "harbour" as FleetId,
  device: "cam-1" as DeviceId,
  secret,
};
const PEM_WORDS = [
  "-----BEGIN CERTIFICATE-----\n",
  "-----BEGIN CERTIFICATE REQUEST-----\n",
  "-----END",
  "\n",
  "MII",
  "=",
];

/** Everything that the endpoint and a device say to each other. */
const ENROL_CHECKS: readonly ((value: unknown) => unknown)[] = [
  checkJoinRequest,
  checkRenewRequest,
  checkEnrolAnswer,
  checkAskRequest,
  checkAskAnswer,
  checkEnrolRefusal,
];

export const ENROLMENT_TARGETS: readonly FuzzTarget[] = [
  {
    name: "certificate-request",
    grammar: "text",
    cost: 20,
    seeds: async () => [Buffer.from(await createRequest(privateKey, "cam-1"))],
    words: PEM_WORDS,
    decode: (input) => provenKeyOf(Buffer.from(input).toString()),
    isRefusal: () => false,
  },
  {
    name: "certificate-request-der",
    grammar: "bytes",
    cost: 20,
    seeds: async () => [derOf(await createRequest(privateKey, "cam-1"))],
    decode: (input) => {
      const text = Buffer.from(input).toString("base64");
      return provenKeyOf(`-----BEGIN CERTIFICATE REQUEST-----\n${text}\n-----END CERTIFICATE REQUEST-----\n`);
    },
    isRefusal: () => false,
  },
  {
    name: "certificate",
    grammar: "bytes",
    cost: 10,
    seeds: async () => {
      const issuer = { certificatePem: await createAuthority(privateKey, "a fleet", validity), key: privateKey };
      const leaf = {
        commonName: "cam-1",
        publicKey: new X509Certificate(issuer.certificatePem).publicKey,
        ...validity,
      };
      return [issuer.certificatePem, (await issueCertificate(issuer, leaf)).pem].map(derOf);
    },
    decode: (input) => {
      const text = Buffer.from(input).toString("base64");
      const certificate = readCertificate(`-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`);
      return certificate === undefined ? undefined : issuedTo(certificate);
    },
    isRefusal: () => false,
  },
  {
    name: "enrol-request",
    grammar: "json",
    seeds: () => [
      json({ fleet: "harbour", secret, csr: "-----BEGIN" }),
      json({ certificate: "-----BEGIN", csr: "-----BEGIN" }),
      json({ fleet: "harbour", device: "cam-1", csr: "-----BEGIN" }),
      json({ state: "waiting", fleet: "harbour" }),
      json({ code: "token-used", message: "it has been used" }),
      json({ device: "cam-1", certificate: "-", ca: "-", broker: "mqtts://127.0.0.1:8883" }),
    ],
    decode: (input) => {
      for (const check of ENROL_CHECKS) allowRefusal(() => parseJson("request", input, ENROL_BODY_BYTES_MAX, check));
    },
    isRefusal: isProtocolError,
  },
  {
    name: "join-token",
    grammar: "text",
    seeds: () => [Buffer.from(formatJoinToken(token))],
    words: ["mfj1.", "=", "-", "_"],
    decode: (input) => parseJoinToken(Buffer.from(input).toString()),
    isRefusal: isProtocolError,
  },
  {
    name: "join-token-json",
    grammar: "json",
    seeds: () => [json(token)],
    decode: (input) => parseJoinToken(`mfj1.${Buffer.from(input).toString("base64url")}`),
    isRefusal: isProtocolError,
  },
  {
    name: "selector",
    grammar: "text",
    seeds: () =>
      ["site in (oslo, bergen), tier=gold, !frozen", "a!=b", "a notin (b)", ""].map((text) => Buffer.from(text)),
    words: [" in (", " notin (", ")", ",", "=", "==", "!", "!=", " ", "\t", "a".repeat(64)],
    decode: (input) => selects(parseSelector(Buffer.from(input).toString()), { site: "oslo" }),
    isRefusal: (thrown) => thrown instanceof FerryError,
  },
];

function derOf(pem: string): Uint8Array {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
}
