/** What can be wrong with telemetry, by name, and what a person does about it. */
import { Type, type Static } from "typebox";

export const ProblemName = Type.Union([
  /** A message that is no batch: nothing of it is stored, and a device that means it sends it again and again. */
  Type.Literal("batch-unreadable"),
  /** A record whose fields are not those of its kind: stored, and in no sum. */
  Type.Literal("record-unreadable"),
  /** A record of a kind that this version does not know: stored, and in no sum. */
  Type.Literal("kind-unknown"),
  /** A record from the future: stored with the time at which it came. */
  Type.Literal("clock-ahead"),
  /** A record from long ago: stored with the time at which it came. */
  Type.Literal("clock-behind"),
  /** Numbers that this controller has, with another content: not stored. */
  Type.Literal("stream-reused"),
]);
export type ProblemName = Static<typeof ProblemName>;

export const PROBLEM_NAMES = ProblemName.anyOf.map((literal) => literal.const);

/** The night shift's first step. */
export const PROBLEM_STEPS: Readonly<Record<ProblemName, string>> = {
  "batch-unreadable":
    "Compare `ferry device show DEVICE` (its agent's version) with `ferry version`, and update the older one. If both agree, somebody else publishes under its name: revoke its certificate.",
  "record-unreadable": "Update the agent there: its records are not as its version promises. Nothing else is affected.",
  "kind-unknown":
    "The agent is newer than this controller: update the controller. The records are kept and wait for it.",
  "clock-ahead":
    "Set the clock of the device (`timedatectl` there; is its time server reachable?). Until then its records stand at the time at which they come.",
  "clock-behind":
    "The device has no clock that survives a power cut, or no time server. Until it is set, its records stand at the time at which they come.",
  "stream-reused":
    "The device was set back to an older image: its agent begins a new stream by itself (one of before this version: restart it). If it goes on, its image runs on two devices: give the copy an identity of its own (`ferry device invite`).",
};
