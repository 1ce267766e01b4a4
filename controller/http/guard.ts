/** The one place where it is decided who may use a route. Runs before anything of a request's body is read. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../common/clock.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { NOBODY } from "../audit/audit-log.ts";
import type { Auditor } from "../audit/auditor.ts";
import { createFailureLimit } from "../operators/failure-limit.ts";
import { mayDo, roleText, type NeededRole, type RouteRole } from "../operators/operator-role.ts";
import type { Operator, Operators } from "../operators/operators.ts";
import { networkOf } from "./network-of.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Its name in the declarations. */
    routeName?: string;
    /** A route without one is for admins: what was forgotten stays shut. */
    role?: RouteRole;
  }
  interface FastifyRequest {
    operator: Operator | undefined;
  }
}

export interface GuardPorts {
  readonly operators: Operators;
  readonly auditor: Auditor;
  readonly clock: Clock;
}

/**
 * A person mistypes a few times; a program that goes on is told to wait. Valid tokens are never held up: 256 random bits
 * cannot be guessed at any pace, and a limit that shut them out would let anybody lock the operators out.
 */
const FAILURES = { windowMs: 60_000, perKeyMax: 10, totalMax: 100 } as const;

export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** Throws FerryError `unauthenticated`, `not-allowed`, `too-many-failures`. */
export function createGuard({ operators, auditor, clock }: GuardPorts): Guard {
  const failures = createFailureLimit({ ...FAILURES, nowMs: clock.monotonicMs });

  async function refuseUnknown(request: FastifyRequest, reply: FastifyReply, isGiven: boolean): Promise<never> {
    if (!failures.isWithin(networkOf(request.ip))) {
      const seconds = Math.ceil(failures.leftMs() / 1_000);
      reply.header("retry-after", seconds);
      throw new FerryError("too-many-failures", "Too many requests without a valid token came from here", {
        hint: `Wait ${seconds} s; requests with a valid token are answered meanwhile.`,
        exitCode: EXIT.notAllowed,
      });
    }
    reply.header("www-authenticate", "Bearer");
    const why = isGiven ? "unknown token" : "no token";
    await auditor.note({ ...attempt(request), actor: NOBODY, outcome: "denied", detail: `${why}, from ${request.ip}` });
    throw new FerryError("unauthenticated", isGiven ? "No operator has this token" : "This needs an operator's token", {
      hint: isGiven
        ? "It may have been rotated or removed. Ask an admin for a new one, then `ferry login`."
        : "On the controller's machine, FERRY_HOME names its folder; elsewhere use `ferry login` or FERRY_TOKEN.",
      exitCode: EXIT.notAllowed,
    });
  }

  async function refuseRole(request: FastifyRequest, { name, role }: Operator, needed: NeededRole): Promise<never> {
    const detail = `needs ${roleText(needed)}, is ${role}`;
    await auditor.note({ ...attempt(request), actor: name, outcome: "denied", detail });
    throw new FerryError("not-allowed", `This needs the role ${roleText(needed)}; ${name} is ${role}`, {
      hint: "Ask somebody with that role, or an admin for another one.",
      exitCode: EXIT.notAllowed,
    });
  }

  return async (request, reply) => {
    if (request.is404) return;
    const needed = request.routeOptions.config.role ?? "admin";
    const token = bearerOf(request.headers.authorization);
    request.operator = token === undefined ? undefined : operators.byToken(token);
    if (needed === "anyone") return;
    if (request.operator === undefined) return refuseUnknown(request, reply, token !== undefined);
    if (!mayDo(request.operator.role, needed)) return refuseRole(request, request.operator, needed);
  };
}

/** What was tried, for the audit log. */
function attempt(request: FastifyRequest): { readonly action: string; readonly target: string } {
  const { routeName } = request.routeOptions.config;
  const [path = ""] = request.url.split("?");
  return { action: routeName ?? request.method, target: path };
}

/** The scheme's name is case-insensitive (RFC 9110). */
function bearerOf(header: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}
