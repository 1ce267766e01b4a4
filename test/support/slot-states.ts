/** One slot in every phase, and two releases of one model to go between. */
import type { HeldBundle, SlotState } from "../../agent/update/state.ts";
import type { ModelName, ModelVersion, Sha256, StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";

export const NOW = 1_000_000;

export const [one, two, three] = [wish("1.0.0", "1"), wish("1.1.0", "2"), wish("1.2.0", "3")];
export const [heldOne, heldTwo] = [held(one), held(two)];
export const final = { code: "self-test", message: "case 3 differs" } as const satisfies Refusal;
export const passing = { code: "disk-full", message: "no room" } as const satisfies Refusal;
export const late = { code: "deadline", message: "took too long" } as const satisfies Refusal;

export const SEQ = 5;
export const kept = { active: heldOne, lastKnownGood: null, work: 7 };
const wished = { ...kept, seq: SEQ };
export const idle = { phase: "idle", active: null, lastKnownGood: null, work: 7 } as const satisfies SlotState;
export const transferring = {
  phase: "transferring",
  ...wished,
  wish: two,
  tries: 0,
  deadlineMs: NOW + 10,
} as const satisfies SlotState;
export const verifying = { ...transferring, phase: "verifying", source: "archive" } as const satisfies SlotState;
export const verifyingHeld = { ...transferring, phase: "verifying", source: "held" } as const satisfies SlotState;
export const qualifying = { ...transferring, phase: "qualifying" } as const satisfies SlotState;
export const verified = { ...transferring, phase: "verified" } as const satisfies SlotState;
export const ready = { ...transferring, phase: "ready" } as const satisfies SlotState;
export const activating = { ...transferring, phase: "activating" } as const satisfies SlotState;
export const soaking = {
  phase: "soaking",
  ...wished,
  wish: two,
  tries: 0,
  candidate: heldTwo,
  untilMs: NOW + 3_000,
  hasPassed: false,
} as const satisfies SlotState;
export const committed = { phase: "committed", ...wished, wish: one } as const satisfies SlotState;
export const failed = {
  phase: "failed",
  ...wished,
  wish: two,
  refusal: final,
  retryAtMs: NOW + 50,
} as const satisfies SlotState;
export const waiting = {
  phase: "waiting",
  ...wished,
  wish: two,
  tries: 1,
  retryAtMs: NOW + 50,
  refusal: passing,
} as const satisfies SlotState;
export const rolledBack = { ...failed, phase: "rolled-back" } as const satisfies SlotState;
export const all: readonly SlotState[] = [
  idle,
  transferring,
  verifying,
  verifyingHeld,
  verified,
  qualifying,
  ready,
  activating,
  soaking,
  committed,
  failed,
  rolledBack,
  waiting,
];

function wish(version: string, digit: string): DeployedSlot {
  const digest = digit.repeat(64);
  const archive = { sha256: `a${digest.slice(1)}` as Sha256, length: 1000, chunkList: `c${digest.slice(1)}` as Sha256 };
  const model = "digits" as ModelName;
  return { slot: model, model, version: version as ModelVersion, statement: digest as StatementDigest, archive };
}

function held({ model, version, statement }: DeployedSlot): HeldBundle {
  return { model, version, statement, rollbackIndex: 0 };
}
