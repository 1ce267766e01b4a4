import { Type, type Static } from "typebox";

/**
 * Why a device did not do what it was asked. Each code has one meaning; `docs/SECURITY.md` and `docs/OPERATING.md` list
 * them with what to do.
 */
export const RefusalCode = Type.Union([
  // The deployment document.
  Type.Literal("deployment-malformed"),
  Type.Literal("deployment-signature"),
  Type.Literal("deployment-wrong-device"),
  Type.Literal("deployment-root-unknown"),
  Type.Literal("deployment-rollback"),
  Type.Literal("deployment-equivocation"),
  Type.Literal("deployment-expired"),
  Type.Literal("deployment-unfresh"),
  Type.Literal("root-refused"),
  Type.Literal("root-expired"),
  // The bytes.
  Type.Literal("transfer-failed"),
  Type.Literal("archive-digest"),
  Type.Literal("archive-malformed"),
  Type.Literal("disk-full"),
  // The bundle.
  Type.Literal("publisher-signature"),
  Type.Literal("bundle-malformed"),
  Type.Literal("bundle-file-digest"),
  Type.Literal("bundle-unlisted-file"),
  Type.Literal("bundle-wrong-model"),
  Type.Literal("bundle-incompatible"),
  Type.Literal("bundle-agent-too-old"),
  Type.Literal("bundle-rollback-index"),
  // The model on this hardware.
  Type.Literal("model-load"),
  Type.Literal("model-interface"),
  Type.Literal("self-test"),
  Type.Literal("budget"),
  Type.Literal("runner-crash"),
  Type.Literal("deadline"),
]);
export type RefusalCode = Static<typeof RefusalCode>;

/** A refusal as it is reported: the code for programs, the sentence for people. */
export const Refusal = Type.Object({
  code: RefusalCode,
  message: Type.String({ maxLength: 1_000 }),
});
export type Refusal = Static<typeof Refusal>;

/** Causes that may pass by themselves: tried again. All others are final for this bundle on this device. */
const PASSING: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  "transfer-failed",
  "disk-full",
  "deadline",
  "deployment-unfresh",
]);

export function mayPass(code: RefusalCode): boolean {
  return PASSING.has(code);
}
