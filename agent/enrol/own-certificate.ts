import { X509Certificate } from "node:crypto";

/** Undefined for text that is no certificate. */
export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
