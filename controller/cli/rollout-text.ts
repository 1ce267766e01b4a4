import pc from "picocolors";
import type { RolloutCounts, RolloutDetail, RolloutMember } from "../http/rollout-routes.ts";
import { ago, bytes, duration, milliseconds, shortDigest } from "./human.ts";
import { table, type Column } from "./output.ts";

/** `12 done, 1 failed, 3 waiting`. */
export function countsText(counts: RolloutCounts): string {
  const order = ["done", "deploying", "waiting", "failed", "reverting", "reverted", "superseded"] as const;
  return order.flatMap((state) => (counts[state] === 0 ? [] : [`${counts[state]} ${state}`])).join(", ") || "none";
}

export function stateMark(state: RolloutMember["state"] | RolloutDetail["rollout"]["state"]): string {
  switch (state) {
    case "done":
    case "completed":
      return pc.green(`✔ ${state}`);
    case "failed":
    case "rolled-back":
      return pc.red(`✖ ${state}`);
    case "running":
    case "deploying":
    case "reverting":
    case "rolling-back":
      return pc.cyan(`◌ ${state}`);
    case "waiting":
    case "paused":
      return pc.yellow(`॥ ${state}`);
    case "superseded":
    case "aborted":
    case "reverted":
      return pc.dim(`↷ ${state}`);
  }
}

/** Cells of a progress bar. */
const BAR_CELLS = 24;

export function describeRollout({ rollout, devices }: RolloutDetail): string {
  const { counts } = rollout;
  const total = devices.length;
  const filled = total === 0 ? 0 : Math.floor((BAR_CELLS * counts.done) / total);
  const bar = "█".repeat(filled) + pc.dim("░".repeat(BAR_CELLS - filled));
  const lasted =
    rollout.finishedMs === null
      ? `for ${ago(rollout.createdMs)}`
      : `in ${duration(rollout.finishedMs - rollout.createdMs)}`;
  return [
    `Rollout ${pc.bold(String(rollout.id))}  ${rollout.model}@${rollout.version}  ${stateMark(rollout.state)} ${lasted}  (${rollout.selector})`,
    `${bar}  ${counts.done}/${total} proven  ${countsText(counts)}  ${pc.dim(shortDigest(rollout.statement))}`,
    table({ rows: devices.slice(0, DEVICES_SHOWN_MAX), columns: COLUMNS }, false),
    ...(total > DEVICES_SHOWN_MAX ? [pc.dim(`… and ${total - DEVICES_SHOWN_MAX} more; -o json has all`)] : []),
  ].join("\n");
}

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
