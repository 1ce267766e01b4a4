import { Type, type Static } from "typebox";
import { DeviceId, FleetId, ModelName, ModelVersion, Sha256 } from "../../protocol/ids.ts";
import { route } from "./route.ts";

const HealthStatus = Type.Union([Type.Literal("ok"), Type.Literal("degraded")]);

export const Status = Type.Object({
  status: HealthStatus,
  /** Why it is degraded, one sentence each. */
  problems: Type.Array(Type.String()),
  /** What will become a problem, one sentence each. */
  warnings: Type.Array(Type.String()),
  fleet: FleetId,
  version: Type.String(),
  startedMs: Type.Number(),
  broker: Type.Object({ url: Type.String(), connected: Type.Boolean(), embedded: Type.Boolean() }),
  /** SHA-256 of root version 1: what a device must be told before it joins. */
  rootPin: Type.String(),
  rootVersion: Type.Integer(),
  devices: Type.Object({ total: Type.Integer(), online: Type.Integer() }),
});
export type Status = Static<typeof Status>;

export const Event = Type.Object({
  id: Type.Integer(),
  atMs: Type.Number(),
  kind: Type.String(),
  device: Type.Union([DeviceId, Type.Null()]),
  text: Type.String(),
});
export type Event = Static<typeof Event>;

/** An archive on its way. */
export const Transfer = Type.Object({
  /** Absent where the catalogue no longer has the bundle. */
  bundle: Type.Optional(Type.Object({ model: ModelName, version: ModelVersion })),
  archive: Sha256,
  lengthBytes: Type.Number(),
  /** What the controller has published of it so far, for all and for single devices. */
  broadcastBytes: Type.Number(),
  unicastBytes: Type.Number(),
  /** Devices that are fetching it. */
  devices: Type.Integer(),
  /** Fetches that ended with everything on the device. */
  done: Type.Integer(),
});
export type Transfer = Static<typeof Transfer>;

export const FLEET_ROUTES = {
  getHealth: route({
    method: "GET",
    path: "/api/v1/health",
    tag: "fleet",
    summary: "Whether the controller can do its work: for programs that watch it",
    role: "anyone",
    result: Type.Object({ status: HealthStatus }),
  }),
  getStatus: route({
    method: "GET",
    path: "/api/v1/status",
    tag: "fleet",
    summary: "The controller at a glance, and the figures that a join needs",
    role: "viewer",
    result: Status,
  }),
  listEvents: route({
    method: "GET",
    path: "/api/v1/events",
    tag: "fleet",
    summary: "What happened, ascending: the newest, or those after a cursor",
    role: "viewer",
    query: Type.Object({
      after: Type.Optional(Type.Integer({ minimum: 0 })),
      limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
    }),
    result: Type.Object({ events: Type.Array(Event) }),
  }),
  listTransfers: route({
    method: "GET",
    path: "/api/v1/transfers",
    tag: "fleet",
    summary: "The archives that are on their way to devices right now",
    role: "viewer",
    result: Type.Object({ transfers: Type.Array(Transfer) }),
  }),
} as const;
