import pc from "picocolors";
import {
  ROLLOUT_DEVICES_MAX,
  type RolloutCounts,
  type RolloutDetail,
  type RolloutMember,
} from "../http/rollout-routes.ts";
import { ago, bytes, milliseconds } from "./human.ts";
import { table, type Column, type OutputFormat } from "./output.ts";
import { membersCount, rolloutPicture } from "./rollout-picture.ts";
import { stateMark } from "./state-mark.ts";

/** `12 done, 1 failed, 3 waiting`. */
export function countsText(counts: RolloutCounts): string {
  const order = ["done", "deploying", "waiting", "failed", "reverting", "reverted", "superseded"] as const;
  return order.flatMap((state) => (counts[state] === 0 ? [] : [`${counts[state]} ${state}`])).join(", ") || "none";
}

export function describeRollout(detail: RolloutDetail): string {
  const rest = membersCount(detail.rollout.counts) - detail.devices.length;
  return [
    rolloutPicture(detail, Date.now()),
    table({ rows: detail.devices, columns: COLUMNS }, false),
    ...(rest === 0 ? [] : [pc.dim(`… and ${rest} more; -o json has all`)]),
  ].join("\n");
}

/** Rows on a terminal; a program gets all. */
export function devicesShown(format: OutputFormat): number {
  return format === "table" || format === "wide" ? 200 : ROLLOUT_DEVICES_MAX;
}

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
