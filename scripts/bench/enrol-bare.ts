/** A process that answers each request over TLS with a certificate made for it, and does nothing else. Ends with its parent. */
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:https";
import { createAuthority, issueCertificate, type Issuer } from "../../common/x509.ts";

const HOST = "127.0.0.1";
const validity = { notBefore: new Date(0), notAfter: new Date("2100-01-01") };
const newPair = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

const authority = newPair();
const ca = await createAuthority(authority.privateKey, "bare", validity);
const issuer: Issuer = { certificatePem: ca, key: authority.privateKey };
const server = newPair();
const { pem } = await issueCertificate(issuer, {
  commonName: HOST,
  publicKey: server.publicKey,
  hosts: [HOST],
  ...validity,
});
const device = newPair().publicKey;

const https = createServer(
  {
    cert: pem + ca,
    key: server.privateKey.export({ type: "pkcs8", format: "pem" }),
    minVersion: "TLSv1.3",
  },
  (request, response) => {
    request.resume().on("end", () => {
      void issueCertificate(issuer, { commonName: "device", publicKey: device, ...validity }).then((issued) =>
        response.end(JSON.stringify({ certificate: issued.pem })),
      );
    });
  },
).listen(0, HOST, () => {
  const address = https.address();
  process.send?.({ url: `https://${HOST}:${String(typeof address === "object" ? (address?.port ?? 0) : 0)}`, ca });
});
process.once("disconnect", () => {
  process.exit(0);
});
