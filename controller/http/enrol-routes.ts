import { Type, type Static } from "typebox";
import { DeviceId, Sha256 } from "../../protocol/ids.ts";
import { route } from "./route.ts";

/** A token that nobody used is worth a device's place in the fleet: a day is the longest that it may lie around. */
const TOKEN_LIFETIME_MS_MAX = 24 * 3_600_000;

export const Invitation = Type.Object({ device: DeviceId, token: Type.String(), expiresMs: Type.Number() });
export type Invitation = Static<typeof Invitation>;

/** SHA-256 of a device's public key (SPKI, DER). */
const Fingerprint = Type.String({ pattern: "^[0-9a-f]{64}$" });

export const PendingDevice = Type.Object({
  device: DeviceId,
  fingerprint: Fingerprint,
  /** From where it asked first: an IPv4 address, or the network of an IPv6 one. */
  network: Type.String(),
  firstMs: Type.Number(),
  heardMs: Type.Number(),
  /** Whose the name is already: nobody's, this very key's, or that of a device with another key, which would be replaced. */
  knownAs: Type.Enum(["nobody", "itself", "another"]),
});
export type PendingDevice = Static<typeof PendingDevice>;

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
  listPendingDevices: route({
    method: "GET",
    path: "/api/v1/pending-devices",
    tag: "devices",
    summary: "The devices that ask to join and wait for a yes, and what a device must be told to ask",
    role: "viewer",
    result: Type.Object({
      devices: Type.Array(PendingDevice),
      /** Where a device asks, and the SHA-256 of the key of the CA that must answer there. */
      controller: Type.String(),
      caPin: Sha256,
      rootPin: Sha256,
      /** False where a device joins with a token alone. */
      isOpen: Type.Boolean(),
    }),
  }),
  approveDevice: route({
    method: "POST",
    path: "/api/v1/devices/:device/approval",
    tag: "devices",
    summary: "Lets in the one key that waits under this name",
    role: ["operator", "approver"],
    changes: true,
    params,
    body: Type.Object({
      fingerprint: Fingerprint,
      /** Also where a device with another key has this name: that key then serves no more. */
      replace: Type.Optional(Type.Boolean()),
    }),
    result: Type.Object({ device: DeviceId, fingerprint: Fingerprint }),
  }),
  rejectDevice: route({
    method: "POST",
    path: "/api/v1/devices/:device/rejection",
    tag: "devices",
    summary: "Says no to a key that waits under this name",
    role: ["operator", "approver"],
    changes: true,
    params,
    body: Type.Object({ fingerprint: Fingerprint }),
    result: Type.Object({ device: DeviceId, fingerprint: Fingerprint }),
  }),
  revokeDevice: route({
    method: "POST",
    path: "/api/v1/devices/:device/revocation",
    tag: "devices",
    summary: "Takes the device's certificates away, and ends its connection at once",
    role: "operator",
    changes: true,
    params,
    body: Type.Object({
      /** Also a name of which nothing is known: a device that a lost database has forgotten. */
      evenUnknown: Type.Optional(Type.Boolean()),
    }),
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
