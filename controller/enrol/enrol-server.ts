/** The one door that is open to machines without a certificate: HTTPS, four paths, nothing else. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Clock } from "../../common/clock.ts";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import {
  checkAskRequest,
  checkJoinRequest,
  checkRenewRequest,
  ENROL_ASK_PATH,
  ENROL_BODY_BYTES_MAX,
  ENROL_JOIN_PATH,
  ENROL_RENEW_PATH,
  ENROL_ROOT_PATH,
  type AskAnswer,
  type EnrolAnswer,
} from "../../protocol/enrol/enrol-messages.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { parseJson } from "../../protocol/schema.ts";
import type { FleetId } from "../../protocol/ids.ts";
import { networkOf } from "../http/network-of.ts";
import type { Authority, TlsIdentity } from "./authority.ts";
import type { Enrolled } from "./enrolment-ports.ts";
import type { Enrolments } from "./enrolments.ts";
import { EnrolRefused } from "./enrol-refused.ts";
import type { Asked } from "./pending-devices.ts";
import { RequestLimit } from "./request-limit.ts";

/** A device keeps its connection for two requests. */
const CONNECTIONS_MAX = 256;
/** Handshake, headers and body together: a machine on a bad link, and no more. */
const REQUEST_MS_MAX = 15_000;

export interface EnrolServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly identity: TlsIdentity;
  readonly fleet: FleetId;
  readonly authority: Authority;
  readonly enrolments: Enrolments;
  readonly firstRoot: Uint8Array;
  /** Where the device is to connect, when it reached this endpoint under this name. */
  readonly brokerFor: (host: string) => string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface EnrolServer extends AsyncDisposable {
  readonly port: number;
  /** For connections from then on. */
  readonly useIdentity: (identity: TlsIdentity) => void;
}

/** Throws `port-taken`, `listen-failed`. */
export async function openEnrolServer(options: EnrolServerOptions): Promise<EnrolServer> {
  const { host, port, identity } = options;
  const limit = new RequestLimit();
  const server = createServer(
    { ...identity, minVersion: "TLSv1.3", handshakeTimeout: REQUEST_MS_MAX, maxHeaderSize: 8_192 },
    (request, response) => void answer(options, limit, request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_MS_MAX;
  server.headersTimeout = REQUEST_MS_MAX;
  server.keepAliveTimeout = REQUEST_MS_MAX;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    const isTaken = systemCodeOf(cause) === "EADDRINUSE";
    throw new FerryError(
      isTaken ? "port-taken" : "listen-failed",
      `Cannot open the enrolment endpoint on ${host}:${port}: ${messageOf(cause)}`,
      { hint: "Choose another port with --enrol-port.", exitCode: isTaken ? EXIT.conflict : EXIT.failed, cause },
    );
  }
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    useIdentity: (next) => {
      server.setSecureContext({ ...next, minVersion: "TLSv1.3" });
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: EnrolServerOptions,
  limit: RequestLimit,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { clock, log, firstRoot } = options;
  const from = networkOf(request.socket.remoteAddress ?? "");
  try {
    if (!limit.admits(from, clock.monotonicMs())) {
      refuse(response, 429, "too-many", "too many requests from this network: wait a minute");
      return;
    }
    const route = `${request.method ?? ""} ${request.url ?? ""}`;
    switch (route) {
      case `GET ${ENROL_ROOT_PATH}`:
        response.writeHead(200, { "content-type": "application/octet-stream" }).end(firstRoot);
        return;
      case `POST ${ENROL_JOIN_PATH}`: {
        const asked = parseJson("join request", await readBody(request), ENROL_BODY_BYTES_MAX, checkJoinRequest);
        answerWith(response, granted(options, request, await options.enrolments.join(asked)));
        return;
      }
      case `POST ${ENROL_RENEW_PATH}`: {
        const asked = parseJson("renewal request", await readBody(request), ENROL_BODY_BYTES_MAX, checkRenewRequest);
        answerWith(response, granted(options, request, await options.enrolments.renew(asked)));
        return;
      }
      case `POST ${ENROL_ASK_PATH}`: {
        const asked = parseJson("request to join", await readBody(request), ENROL_BODY_BYTES_MAX, checkAskRequest);
        answerWith(response, askAnswer(options, request, await options.enrolments.ask(asked, from)));
        return;
      }
      default:
        limit.refused(from, clock.monotonicMs());
        refuse(response, 404, "not-found", "there is nothing here but enrolment");
    }
  } catch (thrown) {
    // Who finds no room asks again, and so do others of the same network: that is no guessing.
    const isPatient = thrown instanceof EnrolRefused && thrown.code === "too-many-waiting";
    if (!isPatient) limit.refused(from, clock.monotonicMs());
    if (thrown instanceof EnrolRefused) {
      log.warn({ from, code: thrown.code }, "an enrolment was refused");
      refuse(response, isPatient ? 429 : 403, thrown.code, thrown.message);
    } else if (thrown instanceof ProtocolError) {
      refuse(response, thrown.code === "OVERSIZE" ? 413 : 400, "bad-request", thrown.message);
    } else {
      log.error({ from, error: messageOf(thrown) }, "an enrolment failed");
      refuse(response, 500, "failed", "the controller could not do it; its log says why");
    }
  }
}

function askAnswer(options: EnrolServerOptions, request: IncomingMessage, asked: Asked): AskAnswer {
  const { fleet } = options;
  return asked.kind === "waits"
    ? { state: "waiting", fleet }
    : { state: "granted", fleet, granted: granted(options, request, asked.enrolled) };
}

function granted(
  { authority, brokerFor }: EnrolServerOptions,
  request: IncomingMessage,
  { device, certificate }: Enrolled,
): EnrolAnswer {
  const { host = "" } = request.headers;
  const url = `https://${host}`;
  const broker = brokerFor(URL.canParse(url) ? new URL(url).hostname : "");
  return { device, certificate, ca: authority.certificatePem, broker };
}

function answerWith(response: ServerResponse, body: EnrolAnswer | AskAnswer): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  if (response.headersSent) return;
  // What is left of the request is not read.
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify({ code, message }));
}

/** At most ENROL_BODY_BYTES_MAX are ever held. */
async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Uint8Array>) {
    length += part.byteLength;
    if (length > ENROL_BODY_BYTES_MAX) {
      throw new ProtocolError("OVERSIZE", "request", `more than ${ENROL_BODY_BYTES_MAX} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}
