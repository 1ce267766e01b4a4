/** The device's certificate as the agent uses it, and its renewal in time. */
import { createPublicKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock } from "../../common/clock.ts";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { TlsCredentials } from "../../common/mqtt-link.ts";
import { renewalDueMs } from "../../protocol/enrol/lifetime.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { AgentConfig, AgentFolder } from "../config.ts";
import { writeFileDurably } from "../store/durable-file.ts";
import { renew } from "./enrol.ts";

/** How often the date is looked at: the clock of a device may jump. */
const LOOK_MS = 3_600_000;
/** After a failure: a fleet that was cut off for long must not come back all at once, and has a month. */
const RETRY_MS = 600_000;

export interface Credentials {
  /** For each new connection to the broker. */
  readonly tls: () => TlsCredentials;
  /** Renews at two thirds of the certificate's life, until aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export interface CredentialsPorts {
  readonly folder: AgentFolder;
  readonly config: AgentConfig;
  readonly key: KeyObject;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** Undefined for a device that joined a broker without TLS. Throws FerryError `certificate-unusable`. */
export function openCredentials(ports: CredentialsPorts): Credentials | undefined {
  const { folder, config, key, clock, random, log } = ports;
  const { enrol } = config;
  if (enrol === undefined) return undefined;
  const keyPem = key.export({ type: "pkcs8", format: "pem" }).toString();
  const ca = readFileSync(folder.authority, "utf8");
  let certificate = readFileSync(folder.certificate, "utf8");
  const endpoint = { url: enrol.url, ca: requireSound(folder, ca, certificate, key) };

  async function renewNow(): Promise<void> {
    const answer = await renew({ endpoint, device: config.device, key, certificate });
    await writeFileDurably(folder.certificate, answer.certificate);
    // The connection that stands goes on; the next one shows the new certificate.
    certificate = answer.certificate;
    log.info({ until: new X509Certificate(certificate).validTo }, "the device's certificate is renewed");
  }

  return {
    tls: () => ({ ca, cert: certificate, key: keyPem }),
    run: async (signal) => {
      while (!signal.aborted) {
        const dueMs = renewalDueMs(new X509Certificate(certificate).validToDate.getTime());
        if (clock.nowMs() < dueMs) {
          await clock.sleep(Math.min(LOOK_MS, dueMs - clock.nowMs()), signal);
          continue;
        }
        try {
          await renewNow();
        } catch (thrown) {
          log.warn({ error: messageOf(thrown) }, "the device's certificate could not be renewed; trying again");
          await clock.sleep(RETRY_MS * (1 + random()), signal);
        }
      }
    },
  };
}

/** The digest of the authority's key, when the three belong together. */
function requireSound(folder: AgentFolder, ca: string, certificate: string, key: KeyObject) {
  try {
    const authority = new X509Certificate(ca);
    if (!new X509Certificate(certificate).publicKey.equals(createPublicKey(key)))
      throw new Error(`it is not that of ${folder.key}`);
    return sha256(authority.publicKey.export({ type: "spki", format: "der" }));
  } catch (cause) {
    throw new FerryError("certificate-unusable", `Cannot use ${folder.certificate}: ${messageOf(cause)}`, {
      hint: "Join again with a new token and --force: the device keeps its key and its models.",
      cause,
    });
  }
}
