import pc from "picocolors";
import type { RolloutCounts, RolloutDetail, RolloutMember } from "../http/rollout-routes.ts";
import { ago, bytes, milliseconds } from "./human.ts";
import { table, type Column } from "./output.ts";
import { rolloutPicture } from "./rollout-picture.ts";
import { stateMark } from "./state-mark.ts";

/** `12 done, 1 failed, 3 waiting`. */
export function countsText(counts: RolloutCounts): string {
  const order = ["done", "deploying", "waiting", "failed", "reverting", "reverted", "superseded"] as const;
  return order.flatMap((state) => (counts[state] === 0 ? [] : [`${counts[state]} ${state}`])).join(", ") || "none";
}

export function describeRollout(detail: RolloutDetail): string {
  const { devices } = detail;
  const rows = devices.toSorted((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
  return [
    rolloutPicture(detail, Date.now()),
    table({ rows: rows.slice(0, DEVICES_SHOWN_MAX), columns: COLUMNS }, false),
    ...(rows.length > DEVICES_SHOWN_MAX
      ? [pc.dim(`… and ${rows.length - DEVICES_SHOWN_MAX} more; -o json has all`)]
      : []),
  ].join("\n");
}

/** What needs a person first. */
const ORDER: readonly RolloutMember["state"][] = [
  "failed",
  "reverting",
  "deploying",
  "waiting",
  "reverted",
  "superseded",
  "done",
];

/** Rows on a terminal. */
const DEVICES_SHOWN_MAX = 200;

const COLUMNS: readonly Column<RolloutMember>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "SERVES", text: ({ serves }) => serves ?? "–" },
  { title: "STATE", text: ({ state }) => stateMark(state) },
  { title: "SINCE", text: ({ sinceMs }) => ago(sinceMs), align: "right" },
  { title: "WHY, OR EVIDENCE", text: (member) => member.why ?? evidenceText(member) },
];

function evidenceText({ evidence }: RolloutMember): string {
  if (evidence === undefined) return "";
  const { golden, latencyP95Ms, memoryBytes, provider } = evidence;
  return `golden set ${golden}, p95 ${milliseconds(latencyP95Ms)}, ${bytes(memoryBytes)}, ${provider}`;
}
