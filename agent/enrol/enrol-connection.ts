/** HTTPS to an endpoint that is known by its authority's key alone: nothing is said before it has proved who it is. */
import type { X509Certificate } from "node:crypto";
import { request } from "node:http";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { checkEnrolRefusal, ENROL_BODY_BYTES_MAX } from "../../protocol/enrol/enrol-messages.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Sha256 } from "../../protocol/ids.ts";
import { parseJson } from "../../protocol/schema.ts";
import { sha256 } from "../../protocol/trust/digest.ts";

/** For each request with its connection: a metered link on another continent. */
const REQUEST_MS_MAX = 20_000;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

export interface EnrolEndpoint {
  /** `https://host:port`. */
  readonly url: string;
  /** SHA-256 of its authority's public key (SPKI, DER). */
  readonly ca: Sha256;
}

/**
 * The bytes of the answer, with which status 200. Throws FerryError: `enrol-unreachable`, `enrol-impostor`, or the
 * endpoint's own refusal under its own code.
 */
export async function askEndpoint(
  endpoint: EnrolEndpoint,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<Uint8Array> {
  const socket = await connectProven(endpoint);
  try {
    const { status, bytes } = await exchange(socket, endpoint, method, path, body);
    if (status === 200) return bytes;
    throw refusal(endpoint, status, bytes);
  } catch (cause) {
    if (cause instanceof FerryError) throw cause;
    throw unreachable(endpoint, cause);
  } finally {
    socket.destroy();
  }
}

async function connectProven(endpoint: EnrolEndpoint): Promise<TLSSocket> {
  const { hostname, port } = new URL(endpoint.url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket = connect({
    host,
    port: Number(port === "" ? 443 : port),
    minVersion: "TLSv1.3",
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // The authority is not known yet but by its key's digest: whyImpostor below is the check.
    rejectUnauthorized: false,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(REQUEST_MS_MAX, () => {
        reject(new Error("no answer in time"));
      });
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
  } catch (cause) {
    socket.destroy();
    throw unreachable(endpoint, cause);
  }
  const why = whyImpostor(socket.getPeerX509Certificate(), endpoint.ca, host);
  if (why === undefined) return socket;
  socket.destroy();
  throw new FerryError("enrol-impostor", `${endpoint.url} is not the controller that you were sent to: ${why}`, {
    hint: "Nothing was sent. Is the token, or the CA pin, of this controller? Then somebody answers in its place.",
    exitCode: EXIT.notAllowed,
  });
}

/**
 * Undefined where the server's certificate is one for servers of this name, signed by the key with this digest. Time is
 * not looked at: a device that has just been unpacked may not know it.
 */
export function whyImpostor(shown: X509Certificate | undefined, ca: Sha256, host: string): string | undefined {
  const authority = shown?.issuerCertificate;
  if (shown === undefined || authority === undefined) return "it shows no certificate with its authority's";
  const digest = sha256(authority.publicKey.export({ type: "spki", format: "der" }));
  if (digest !== ca) return `its authority's key is ${digest.slice(0, 16)}…, expected is ${ca.slice(0, 16)}…`;
  if (!authority.ca || shown.ca || !shown.verify(authority.publicKey))
    return "its authority did not sign its certificate";
  // A device's own certificate must not make it a controller.
  if (!(shown.keyUsage as readonly string[] | undefined)?.includes(SERVER_AUTH))
    return "its certificate is not a server's";
  const isNamed = isIP(host) === 0 ? shown.checkHost(host) : shown.checkIP(host);
  return isNamed === undefined ? `its certificate does not name ${host}` : undefined;
}

interface Exchanged {
  readonly status: number;
  readonly bytes: Uint8Array;
}

function exchange(
  socket: TLSSocket,
  { url }: EnrolEndpoint,
  method: string,
  path: string,
  body: unknown,
): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      host: new URL(url).host,
      connection: "close",
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    };
    socket.on("error", reject);
    socket.setTimeout(REQUEST_MS_MAX, () => {
      reject(new Error("no answer in time"));
    });
    // The socket is encrypted and proven already: what speaks over it is plain HTTP.
    const asked = request({ createConnection: () => socket, method, path, headers }, (response) => {
      const parts: Uint8Array[] = [];
      let length = 0;
      response.on("data", (part: Uint8Array) => {
        length += part.byteLength;
        if (length > ENROL_BODY_BYTES_MAX) response.destroy(new Error("the answer is too long"));
        else parts.push(part);
      });
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(parts) });
      });
    });
    asked.on("error", reject);
    asked.end(text);
  });
}

/** What to do about a refusal, where it is not another token. */
const HINTS: Readonly<Record<string, string>> = {
  "approval-closed":
    "An operator makes a token with `ferry device invite`; this controller lets nobody ask without one.",
  "approval-rejected":
    "Ask the operator why. After a day, or with another key (remove device.key.pem), it can be asked again.",
  "name-reserved": "Choose another name with --id.",
  "too-many-waiting":
    "Nothing is lost: it is asked again. An operator decides about those who wait: `ferry device pending`.",
  "too-many": "Wait a minute.",
};

function refusal(endpoint: EnrolEndpoint, status: number, bytes: Uint8Array): FerryError {
  try {
    const { code, message } = parseJson("refusal", bytes, ENROL_BODY_BYTES_MAX, checkEnrolRefusal);
    return new FerryError(code, `The controller refused: ${message}`, {
      hint: HINTS[code] ?? "An operator makes a token with `ferry device invite`.",
      exitCode: status === 429 || status >= 500 ? EXIT.unreachable : EXIT.notAllowed,
    });
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    return unreachable(endpoint, cause);
  }
}

function unreachable({ url }: EnrolEndpoint, cause: unknown): FerryError {
  return new FerryError("enrol-unreachable", `Cannot enrol at ${url}: ${messageOf(cause)}`, {
    hint: "Is the address right, and is the controller up (`ferry up`)? A firewall may close the port.",
    exitCode: EXIT.unreachable,
    cause,
  });
}
