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
  Type.Literal("bundle-parameters"),
  // The model on this hardware.
  Type.Literal("model-load"),
  Type.Literal("model-interface"),
  Type.Literal("self-test"),
  Type.Literal("budget"),
  Type.Literal("runner-crash"),
  // Split or shadow is wished, and the two versions cannot be there together.
  Type.Literal("traffic-impossible"),
  Type.Literal("deadline"),
  Type.Literal("memory-full"),
  // The model under real traffic, before the device commits to it.
  Type.Literal("soak-errors"),
  Type.Literal("soak-outputs"),
  Type.Literal("soak-crashes"),
  Type.Literal("soak-latency"),
  Type.Literal("soak-interrupted"),
  // A version of the agent itself.
  Type.Literal("agent-unsupported"),
  Type.Literal("agent-start"),
  Type.Literal("agent-schema"),
  Type.Literal("agent-unhealthy"),
  // Another slot of the same deployment failed: all of them change, or none.
  Type.Literal("slot-mate"),
]);
export type RefusalCode = Static<typeof RefusalCode>;

/** A refusal as it is reported: the code for programs, the sentence for people. */
export const Refusal = Type.Object({
  code: RefusalCode,
  message: Type.String({ maxLength: 1_000 }),
});
export type Refusal = Static<typeof Refusal>;

/**
 * What a device does about a refusal. `passes`: the cause may go away by itself; tried again with growing pauses.
 * `fetch-again`: the copy on the disk is not what was verified; it is removed, and the archive may still be good.
 * `final`: the same bytes fail the same way; remembered, and refused at once until that expires or `retry` ascends.
 * `mates`: nothing is wrong with the bundle; it goes with the other slots of its deployment.
 */
export type RetryClass = "passes" | "fetch-again" | "final" | "mates";

const NOT_FINAL: Partial<Record<RefusalCode, Exclude<RetryClass, "final">>> = {
  "transfer-failed": "passes",
  "disk-full": "passes",
  "memory-full": "passes",
  deadline: "passes",
  "deployment-unfresh": "passes",
  "bundle-file-digest": "fetch-again",
  "bundle-malformed": "fetch-again",
  "bundle-unlisted-file": "fetch-again",
  "slot-mate": "mates",
};

/** Of a bundle that was good here before; one that has just arrived is not fetched again for being wrong. */
export function retryClass(code: RefusalCode): RetryClass {
  return NOT_FINAL[code] ?? "final";
}

/** Causes that may pass by themselves: tried again. All others are final for this bundle on this device. */
export function mayPass(code: RefusalCode): boolean {
  return retryClass(code) === "passes";
}
