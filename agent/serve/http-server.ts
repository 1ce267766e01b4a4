import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../common/clock.ts";
import { FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { InferenceEngine } from "../inference/inference-engine.ts";
import { openMediaPredictor, type MediaPredictor } from "../processing/media-predictor.ts";
import { openFeedback, type Feedback } from "../monitor/feedback.ts";
import { accessWith, type Access, type AccessTokens } from "./access-tokens.ts";
import { answerClientErrors } from "./client-errors.ts";
import { compressAnswer } from "./compress-answer.ts";
import { mlflowRoutes } from "./dialects/mlflow-routes.ts";
import { tensorflowServingRoutes } from "./dialects/tensorflow-serving-routes.ts";
import { torchserveRoutes } from "./dialects/torchserve-routes.ts";
import { errorAnswer } from "./error-answer.ts";
import { feedbackRoutes } from "./feedback-routes.ts";
import { frontPageRoutes } from "./front-page.ts";
import { HttpError, type HttpAnswer, type HttpHandler } from "./http-answer.ts";
import { openInferenceStatistics } from "./inference-statistics.ts";
import { oipRepositoryRoutes } from "./oip-repository.ts";
import { oipRoutes } from "./oip-routes.ts";
import { openLiveFigures } from "./page/live-figures.ts";
import { predictRoutes } from "./predict-routes.ts";
import { metricsRoutes, openPredictionMetrics } from "./prediction-metrics.ts";
import { BODY_MS_MAX, BodyReader, type RequestBody } from "./read-body.ts";
import { pathOf, queryOf, Router, type Routes } from "./routes.ts";
import { sendAnswer } from "./send-answer.ts";
import { suspendable, type Suspension } from "./suspension.ts";

export interface HttpServerOptions {
  readonly engine: InferenceEngine;
  /** Absent: one of its own, which ends with the server. */
  readonly predictor?: MediaPredictor;
  /** Of this engine, shared with whatever else answers from it; absent: this port's own. */
  readonly suspension?: Suspension;
  /** Without tokens everybody who reaches the port may ask. */
  readonly tokens?: AccessTokens;
  /** Only this machine by default. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port: number;
  /** What takes the truth of predictions, where it comes by other ways too; absent: its own. */
  readonly feedback?: Feedback;
  /** Of other parts, such as `GET /status`. */
  readonly extraRoutes?: Routes;
  readonly limits?: Partial<HttpLimits>;
  readonly log: Log;
}

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:8000`, with the port that was really taken. */
  readonly url: string;
}

/** Proxies and load balancers keep idle connections for 60 s: the side that may still send on one must not outlive it. */
const KEEP_ALIVE_MS = 75_000;
/** The whole request. The body's own bound comes first, and is told in the words of its dialect. */
const REQUEST_MS_MAX = BODY_MS_MAX + 15_000;
/** A connection on which nothing moves, such as that of a client that does not read its answer. */
const STALLED_MS_MAX = 90_000;

export interface HttpLimits {
  /** A client that sends its headers slower than this occupies a connection for nothing. */
  readonly headersMs: number;
  /** How often connections are held against the bounds of time; Node's own 30 s would double them. */
  readonly timeoutCheckMs: number;
  readonly bodyMs: number;
  /** Sockets of clients on one device; each costs a few kB. */
  readonly connectionsMax: number;
  /** A client that sends a body before it reads why it is refused would see a broken connection instead, without this. */
  readonly lingerMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersMs: 15_000,
  timeoutCheckMs: 5_000,
  bodyMs: BODY_MS_MAX,
  connectionsMax: 1_024,
  lingerMs: 3_000,
};

/** After the stop began: requests that were sent before it are still taken, and every answer tells its client to close. */
const TAKE_LAST_MS = 100;
/** Requests in flight when the agent stops get this long: the whole agent stops within 5 s. */
const CLOSE_MS_MAX = 3_000;

/** Listens, or throws FerryError `port-taken`, `port-denied` or `address-unavailable`. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { extraRoutes = new Map<string, HttpHandler>(), host = "127.0.0.1", port, log } = options;
  const { suspension = suspendable(options.engine) } = options;
  const { engine } = suspension;
  const access = accessWith(options.tokens ?? {});
  const { headersMs, timeoutCheckMs, bodyMs, connectionsMax, lingerMs } = { ...HTTP_LIMITS, ...options.limits };
  await using opened = new AsyncDisposableStack();
  const predictor = options.predictor ?? opened.use(openMediaPredictor({ engine, log }));
  const feedback = options.feedback ?? opened.use(openFeedback({ engine, clock: systemClock }));
  const metrics = opened.use(openPredictionMetrics(engine, { predictor, feedback }));
  const statistics = opened.use(openInferenceStatistics(engine));
  const figures = opened.use(openLiveFigures(engine));
  const router = new Router(
    new Map<string, HttpHandler>([
      ...extraRoutes,
      ...oipRoutes({ engine, predictor, statistics }),
      ...oipRepositoryRoutes(suspension, access),
      ...feedbackRoutes(engine, feedback),
      ...predictRoutes({ engine, predictor }),
      ...tensorflowServingRoutes({ engine, predictor }),
      ...torchserveRoutes({ engine, predictor }),
      ...mlflowRoutes({ engine, predictor }),
      ...frontPageRoutes(engine, figures),
      ...metricsRoutes(metrics, statistics),
    ]),
  );
  const bodies = new BodyReader({ bodyMs });
  let isClosing = false;
  let answering = 0;

  async function take(request: IncomingMessage, response: ServerResponse, isLeaveAsked: boolean): Promise<void> {
    answering += 1;
    let mayBodyCome = !isLeaveAsked;
    using body = bodies.of(request, () => {
      if (!mayBodyCome) response.writeContinue();
      mayBodyCome = true;
    });
    const answer = await answerTo({ router, access, log }, request, body);
    answering -= 1;
    sendAnswer(request, response, answer, { isLast: isClosing, mayBodyCome, lingerMs });
  }

  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: headersMs,
    requestTimeout: REQUEST_MS_MAX,
    connectionsCheckingInterval: timeoutCheckMs,
  });
  server.on("request", (request, response) => void take(request, response, false));
  server.on("checkContinue", (request, response) => void take(request, response, true));
  server.on("checkExpectation", (request, response) => {
    const error = new HttpError(417, `Expect: ${request.headers.expect ?? ""} is not known here; 100-continue is`);
    const answer = errorAnswer(error, pathOf(request.url ?? "/"), log);
    sendAnswer(request, response, answer, { isLast: true, mayBodyCome: false, lingerMs });
  });
  answerClientErrors(server, lingerMs);
  server.timeout = STALLED_MS_MAX;
  server.maxConnections = connectionsMax;
  // The bound is met: those that idle between two requests make room for the next who comes.
  server.on("drop", () => {
    server.closeIdleConnections();
  });
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

interface Answering {
  readonly router: Router;
  readonly access: Access;
  readonly log: Log;
}

async function answerTo(
  { router, access, log }: Answering,
  request: IncomingMessage,
  body: RequestBody,
): Promise<HttpAnswer> {
  const path = pathOf(request.url ?? "/");
  try {
    access.checkCaller(path, request.headers);
    const { handler, parameters } = router.match(request.method ?? "GET", path);
    const query = () => queryOf(request.url ?? "/");
    const { headers } = request;
    const answer = await handler({ headers, parameters, query, body: body.read, freeBody: body.free });
    return await compressAnswer(answer, headerText(request.headers["accept-encoding"]));
  } catch (error) {
    return errorAnswer(error, path, log);
  }
}

function headerText(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === "string" ? header : header?.join(",");
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
