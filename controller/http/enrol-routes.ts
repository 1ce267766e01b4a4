import { Type, type Static } from "typebox";
import { DeviceId } from "../../protocol/ids.ts";
import { route } from "./route.ts";

/** A token that nobody used is worth a device's place in the fleet: a day is the longest that it may lie around. */
const TOKEN_LIFETIME_MS_MAX = 24 * 3_600_000;

export const Invitation = Type.Object({ device: DeviceId, token: Type.String(), expiresMs: Type.Number() });
export type Invitation = Static<typeof Invitation>;

const params = Type.Object({ device: DeviceId });

export const ENROL_ROUTES = {
  inviteDevice: route({
    method: "POST",
    path: "/api/v1/devices/:device/invitation",
    tag: "devices",
    summary: "A join token: one device enrols with it once",
    role: "operator",
    changes: true,
    params,
    body: Type.Object({ lifetimeMs: Type.Integer({ minimum: 1_000, maximum: TOKEN_LIFETIME_MS_MAX }) }),
    result: Invitation,
  }),
  revokeDevice: route({
    method: "POST",
    path: "/api/v1/devices/:device/revocation",
    tag: "devices",
    summary: "Takes the device's certificates away, and ends its connection at once",
    role: "operator",
    changes: true,
    params,
    result: Type.Object({ device: DeviceId, revoked: Type.Integer() }),
  }),
  allowRenewal: route({
    method: "POST",
    path: "/api/v1/devices/:device/renewal",
    tag: "devices",
    summary: "Lets a device renew a certificate that ended too long ago, for a week",
    role: "operator",
    changes: true,
    params,
    result: Type.Object({ device: DeviceId, untilMs: Type.Number() }),
  }),
} as const;
