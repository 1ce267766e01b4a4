/** A route is declared once; its handler, the client, the checks and the OpenAPI document all come from the declaration. */
import type { Readable } from "node:stream";
import type { Static, TObject, TSchema } from "typebox";
import type { RouteRole } from "../operators/operator-role.ts";

export interface RouteShape {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** As fastify writes it: `/api/v1/devices/:device`. */
  readonly path: string;
  readonly tag:
    "devices" | "bundles" | "rollouts" | "experiments" | "telemetry" | "fleet" | "reports" | "alerts" | "operators";
  readonly summary: string;
  /** Who may use it, admins besides. */
  readonly role: RouteRole;
  /** Whoever uses it is written into the audit log, under the route's name. */
  readonly changes?: true;
  readonly params?: TObject;
  readonly query?: TObject;
  /** `bytes`: a stream of any length, never held in memory. */
  readonly body?: TSchema | "bytes";
  /** `file`: text of a media type that the request chooses. */
  readonly result: TSchema | "bytes" | "file";
}

/** A text that is a document of its own. */
export interface FileAnswer {
  /** With its character set: `text/html; charset=utf-8`. */
  readonly mediaType: string;
  /** What a browser calls it when it is saved; ASCII letters, digits, `-` and `.`. */
  readonly fileName: string;
  readonly text: string;
}

/** Keeps the exact type of a declaration. */
export function route<const R extends RouteShape>(shape: R): R {
  return shape;
}

type ValueOf<S> = S extends "bytes" ? Readable : S extends "file" ? FileAnswer : S extends TSchema ? Static<S> : never;
type PartOf<R, Name extends string> =
  R extends Readonly<Record<Name, infer S>> ? Readonly<Record<Name, ValueOf<S>>> : unknown;

/** What a handler gets and a client gives: `params`, `query` and `body`, those that are declared. */
export type InputOf<R> = PartOf<R, "params"> & PartOf<R, "query"> & PartOf<R, "body">;
export type ResultOf<R extends RouteShape> = ValueOf<R["result"]>;

/** Every failed request is answered with this. */
export interface ApiError {
  /** For programs: `not-found`, `interface-changed`, … */
  readonly code: string;
  readonly message: string;
  /** What to do next. */
  readonly hint?: string;
}
