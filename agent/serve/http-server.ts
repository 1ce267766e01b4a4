import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { InferenceEngine } from "../inference/inference-engine.ts";
import { FAILURE_STATUS, InferenceError } from "../inference/inference-error.ts";
import { ProcessingError } from "../../processing/processing-error.ts";
import { openMediaPredictor, type MediaPredictor } from "../processing/media-predictor.ts";
import { PROCESSING_STATUS } from "../processing/processing-status.ts";
import { compressAnswer } from "./compress-answer.ts";
import { mlflowRoutes } from "./dialects/mlflow-routes.ts";
import { tensorflowServingRoutes } from "./dialects/tensorflow-serving-routes.ts";
import { torchserveRoutes } from "./dialects/torchserve-routes.ts";
import { frontPageRoutes } from "./front-page.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler } from "./http-answer.ts";
import { openInferenceStatistics } from "./inference-statistics.ts";
import { Labels } from "./labels.ts";
import { oipRepositoryRoutes } from "./oip-repository.ts";
import { oipRoutes } from "./oip-routes.ts";
import { predictRoutes } from "./predict-routes.ts";
import { metricsRoutes, openPredictionMetrics } from "./prediction-metrics.ts";
import { BodyReader } from "./read-body.ts";
import { matchRoute, type Routes } from "./routes.ts";

export interface HttpServerOptions {
  readonly engine: InferenceEngine;
  /** Absent: one of its own, which ends with the server. */
  readonly predictor?: MediaPredictor;
  /** Only this machine by default: nothing here asks who is calling. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port: number;
  /** Of other parts, such as `GET /status`. */
  readonly extraRoutes?: Routes;
  readonly log: Log;
}

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:8000`, with the port that was really taken. */
  readonly url: string;
}

/** Proxies and load balancers keep idle connections for 60 s: the side that may still send on one must not outlive it. */
const KEEP_ALIVE_MS = 75_000;
/** A client that sends its headers slower than this occupies a connection for nothing. */
const HEADERS_MS_MAX = 15_000;
/** The whole request: 64 MiB in this time is 9 Mbit/s, slower than any local network. */
const REQUEST_MS_MAX = 60_000;
/** How often the two bounds above are looked at; Node's own 30 s would double them. */
const TIMEOUT_CHECK_MS = 5_000;
/** Sockets of clients on one device; each costs a few kB. */
const CONNECTIONS_MAX = 1_024;
/** After the stop began: requests that were sent before it are still taken, and every answer tells its client to close. */
const TAKE_LAST_MS = 100;
/** Requests in flight when the agent stops get this long: the whole agent stops within 5 s. */
const CLOSE_MS_MAX = 3_000;

/** Listens, or throws FerryError `port-taken`, `port-denied` or `address-unavailable`. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { engine, extraRoutes = new Map<string, HttpHandler>(), host = "127.0.0.1", port, log } = options;
  await using opened = new AsyncDisposableStack();
  const predictor = options.predictor ?? opened.use(openMediaPredictor({ engine, log }));
  const metrics = opened.use(openPredictionMetrics(engine, predictor));
  const statistics = opened.use(openInferenceStatistics(engine));
  const labels = new Labels();
  const routes: Routes = new Map<string, HttpHandler>([
    ...extraRoutes,
    ...oipRoutes({ engine, labels, statistics }),
    ...oipRepositoryRoutes(engine),
    ...predictRoutes({ engine, labels, predictor }),
    ...tensorflowServingRoutes(engine),
    ...torchserveRoutes(engine, labels),
    ...mlflowRoutes(engine),
    ...frontPageRoutes(engine),
    ...metricsRoutes(metrics),
  ]);
  const bodies = new BodyReader();
  let isClosing = false;
  let answering = 0;

  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    (request, response) => {
      answering += 1;
      void answerTo(routes, bodies, request, log).then((answer) => {
        answering -= 1;
        send(request, response, answer, isClosing);
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port);
  const observing = opened.move();
  const address = server.address() as AddressInfo;
  const url = `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
  log.info({ url }, "HTTP is open");

  return {
    url,
    [Symbol.asyncDispose]: async () => {
      isClosing = true;
      await using _observing = observing;
      const closed = once(server, "close");
      await sleep(TAKE_LAST_MS);
      server.close();
      server.closeIdleConnections();
      const startedMs = performance.now();
      while (answering > 0 && performance.now() - startedMs < CLOSE_MS_MAX) await sleep(10);
      // The last answers are still on their way out of the sockets.
      await Promise.race([closed, sleep(100)]);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerTo(routes: Routes, bodies: BodyReader, request: IncomingMessage, log: Log): Promise<HttpAnswer> {
  try {
    const [path = "/"] = (request.url ?? "/").split("?");
    const { handler, parameters } = matchRoute(routes, request.method ?? "GET", path);
    const answer = await handler({ headers: request.headers, parameters, body: () => bodies.read(request) });
    return await compressAnswer(answer, headerText(request.headers["accept-encoding"]));
  } catch (error) {
    return errorAnswer(error, log);
  }
}

function headerText(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === "string" ? header : header?.join(",");
}

/** OIP v2: errors are `{"error": text}`. */
function errorAnswer(error: unknown, log: Log): HttpAnswer {
  const told = (status: number, headers?: Readonly<Record<string, string>>) =>
    jsonAnswer({ error: messageOf(error) }, status, headers);
  if (error instanceof HttpError) return told(error.status, error.headers);
  if (error instanceof ProtocolError) return told(error.code === "OVERSIZE" ? 413 : 400);
  if (error instanceof ProcessingError) return told(PROCESSING_STATUS[error.code]);
  if (error instanceof InferenceError) {
    const mayRetry = error.failure === "queue-full" || error.failure === "unavailable";
    return told(FAILURE_STATUS[error.failure], mayRetry ? { "retry-after": "1" } : {});
  }
  log.error({ error: messageOf(error) }, "a request failed in the agent itself");
  return jsonAnswer({ error: "The agent failed to answer; its log says why" }, 500);
}

function send(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer, isClosing: boolean): void {
  const body = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
  // A body that was not read to its end would be taken for the next request.
  const mustClose = isClosing || !request.complete;
  response.writeHead(answer.status, {
    ...answer.headers,
    "content-length": body.byteLength,
    ...(mustClose ? { connection: "close" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (cause) {
    throw explainListening(host, port, cause);
  }
}

function explainListening(host: string, port: number, cause: unknown): FerryError {
  switch (systemCodeOf(cause)) {
    case "EADDRINUSE":
      return new FerryError("port-taken", `Port ${port} of ${host} is already taken by another program`, {
        hint: `Stop the other program (ss -ltnp 'sport = :${port}' names it), or choose another port.`,
        exitCode: 6,
        cause,
      });
    case "EACCES":
      return new FerryError("port-denied", `This user may not listen on port ${port}`, {
        hint: "Choose a port from 1024 up.",
        exitCode: 4,
        cause,
      });
    default:
      return new FerryError("address-unavailable", `Cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
        hint: "Use an address of this machine, such as 127.0.0.1.",
        cause,
      });
  }
}
