import swagger from "@fastify/swagger";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { apiFailure } from "./api-error.ts";
import { BEARER, bindRoutes, type Bound } from "./bind-routes.ts";
import type { Guard } from "./guard.ts";
import { isLoopback, LOOPBACK_NAMES } from "./loopback.ts";
import { compileValidator } from "./validator.ts";

export interface HttpServerOptions extends Bound {
  /** An address of this machine; beyond loopback only with TLS. */
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** PEM; absent: plain HTTP. */
  readonly tls: TlsFiles | undefined;
  readonly guard: Guard;
  /** Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly log: Log;
}

export interface TlsFiles {
  /** The server's certificate and those between it and its CA. */
  readonly cert: string;
  readonly key: string;
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
}

/** JSON bodies: the largest is a prediction, about three characters a byte. Archives are streams and have their own bound. */
const BODY_BYTES_MAX = 64 * 1024 ** 2;
/** An archive of 4 GiB at 10 Mbit/s. */
const REQUEST_MS_MAX = 3_600_000;
/** What a stop waits for requests in flight. */
const CLOSE_MS_MAX = 3_000;
/** Connections at once: operators, pages and scrapers are few, and each connection costs memory before it shows a token. */
const CONNECTIONS_MAX = 1_000;

/** Throws `port-taken`, `bad-address`, `bad-certificate`. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const app = await buildApp(options);
  app.server.maxConnections = CONNECTIONS_MAX;
  app.get("/metrics", { schema: { hide: true }, config: { role: "viewer" } }, async (_request, reply) => {
    const text = await options.metrics();
    return reply.type("text/plain; version=0.0.4; charset=utf-8").serializer(String).send(text);
  });
  let url: string;
  try {
    url = await app.listen({ host: options.host, port: options.port });
  } catch (cause) {
    await app.close();
    if (systemCodeOf(cause) === "EADDRNOTAVAIL" || systemCodeOf(cause) === "ENOTFOUND") {
      throw new FerryError("bad-address", `The HTTP API cannot listen on ${options.host}: no address of this machine`, {
        hint: "Give one of `ip address` with --http-host, or 0.0.0.0 for all of them.",
        cause,
      });
    }
    if (systemCodeOf(cause) !== "EADDRINUSE") throw cause;
    throw new FerryError("port-taken", `Port ${options.port} for the HTTP API is taken by another program`, {
      hint: `Is a controller running already? See with \`ferry status\`; or choose another port: \`ferry up --http-port ${options.port + 1}\`.`,
      exitCode: EXIT.conflict,
      cause,
    });
  }
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      // Keep-alive connections without a request end at once; the others get a moment to be answered.
      const hard = setTimeout(() => {
        app.server.closeAllConnections();
      }, CLOSE_MS_MAX);
      await app.close();
      clearTimeout(hard);
    },
  };
}

/** The OpenAPI 3.1 document, from the declarations alone. */
export async function openApiDocument(): Promise<unknown> {
  const app = await buildApp(undefined);
  await app.ready();
  const document: unknown = app.swagger();
  await app.close();
  return document;
}

/** Without options: for the document alone. */
async function buildApp(options: HttpServerOptions | undefined): Promise<FastifyInstance> {
  const app = createApp(options?.tls);
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.addContentTypeParser(["application/octet-stream", "application/x-tar"], (_request, payload, done) => {
    done(null, payload);
  });
  app.setErrorHandler((thrown, request, reply) => answerFailure(thrown, request, reply, options?.log));
  app.decorateRequest("operator", undefined);
  if (options !== undefined) {
    if (isLoopback(options.host)) app.addHook("onRequest", refuseOtherHosts);
    app.addHook("onRequest", options.guard);
  }
  app.setNotFoundHandler((request, reply) =>
    reply.status(404).send({
      code: "no-such-route",
      message: `There is no ${request.method} ${request.url}`,
      hint: "The routes are listed at /api/v1/openapi.json.",
    }),
  );
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Modelferry controller",
        version: "1",
        description: "Times are milliseconds since 1970 by the controller's clock. Failures: {code, message, hint}.",
      },
      components: {
        securitySchemes: {
          [BEARER]: { type: "http", scheme: "bearer", description: "Made by `ferry operator add`; carries a role." },
        },
      },
    },
  });
  await app.register((scope, _options, done) => {
    bindRoutes(scope, options);
    scope.get("/api/v1/openapi.json", { schema: { hide: true }, config: { role: "anyone" } }, () => scope.swagger());
    done();
  });
  return app;
}

function createApp(tls: TlsFiles | undefined): FastifyInstance {
  const options = {
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 200 },
  } as const;
  if (tls === undefined) return fastify(options);
  try {
    // A server with TLS is one without in all that is used of it here.
    return fastify({ ...options, https: { ...tls, minVersion: "TLSv1.2" } });
  } catch (cause) {
    throw new FerryError("bad-certificate", `The certificate and the key cannot be used: ${messageOf(cause)}`, {
      hint: "Both are PEM, and belong together: compare `openssl x509 -noout -pubkey -in CERT` with `openssl pkey -pubout -in KEY`.",
      cause,
    });
  }
}

/** A page in a browser on this machine could reach this port under a name of its own (DNS rebinding): refused. */
function refuseOtherHosts(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (LOOPBACK_NAMES.has(request.hostname)) {
    done();
    return;
  }
  void reply.status(403).send({
    code: "host-refused",
    message: `The API is for this machine only; ${JSON.stringify(request.hostname)} is not a name of it`,
    hint: "Use http://127.0.0.1 or http://localhost; to be reached from elsewhere: `ferry up --http-host --tls-cert --tls-key`.",
  });
}

function answerFailure(thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: Log | undefined) {
  const failure = apiFailure(thrown);
  if (failure !== undefined) return reply.status(failure.status).send(failure.body);
  const validation = thrown instanceof Error && "validation" in thrown;
  if (validation) return reply.status(400).send({ code: "bad-request", message: thrown.message });
  log?.error(
    { route: request.url, error: messageOf(thrown), stack: thrown instanceof Error ? thrown.stack : "" },
    "a request failed",
  );
  return reply.status(500).send({
    code: "internal",
    message: `The controller failed: ${messageOf(thrown)}`,
    hint: "Its log has the details.",
  });
}
