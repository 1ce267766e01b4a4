/** Who is told of alerts: `alerts.receivers` of `controller.json`. Secrets are in files or the environment, never here. */
import { Type, type Static } from "typebox";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { readPrivateFile } from "../../common/private-file.ts";
import { closedObject } from "../../protocol/schema.ts";

const common = {
  name: Type.String({ pattern: "^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$" }),
  url: Type.String({ pattern: "^https?://[^\\s@]+$", maxLength: 2_048 }),
};

const signed = {
  /** Of the HMAC: the path of a file that only its owner reads, or the name of a variable of the environment. */
  secretFile: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
  secretEnv: Type.Optional(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*$" })),
};

/** Takes what is posted to it. */
export const WebhookConfig = closedObject({ ...common, kind: Type.Literal("webhook"), ...signed });
export type WebhookConfig = Static<typeof WebhookConfig>;

export const ReceiverConfig = Type.Union([
  closedObject({
    ...common,
    kind: Type.Literal("webhook"),
    ...signed,
    /** A firing alert that nobody has in hand is told again after this; 4 hours where it is absent. */
    repeatSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 604_800 })),
  }),
  closedObject({ ...common, kind: Type.Literal("alertmanager") }),
]);
export type ReceiverConfig = Static<typeof ReceiverConfig>;

export const AlertsConfig = closedObject({
  receivers: Type.Array(ReceiverConfig, { maxItems: 10 }),
  /** Of this controller as people reach it, for links in messages. */
  externalUrl: Type.Optional(Type.String({ pattern: "^https?://\\S+$", maxLength: 2_048 })),
});
export type AlertsConfig = Static<typeof AlertsConfig>;

/** As GitHub and others advise: a secret that can be guessed proves nothing. */
const SECRET_CHARS_MIN = 16;

/** Undefined: messages are not signed. Throws `no-secret`, `secret-exposed`. */
export function secretOf(receiver: ReceiverConfig): string | undefined {
  if (receiver.kind !== "webhook") return undefined;
  const { name, secretFile, secretEnv } = receiver;
  if (secretFile === undefined && secretEnv === undefined) return undefined;
  const secret = ((secretFile === undefined ? process.env[secretEnv ?? ""] : readPrivateFile(secretFile)) ?? "").trim();
  if (secret.length >= SECRET_CHARS_MIN) return secret;
  const where = secretFile ?? `the variable ${secretEnv ?? ""}`;
  throw new FerryError("no-secret", `The secret of receiver ${name} (${where}) has fewer than 16 characters`, {
    hint: "Make one with `openssl rand -hex 32`, and give the receiver's program the same.",
    exitCode: EXIT.usage,
  });
}
