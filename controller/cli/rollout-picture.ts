/** A rollout drawn for a terminal: its stages as a pipeline, how far it is, and its gates. */
import pc from "picocolors";
import type { RolloutCounts, RolloutDetail, StageSummary } from "../http/rollout-routes.ts";
import { modeText } from "../rollout/mode-text.ts";
import { counted, duration, instant, percent, shortDigest } from "./human.ts";
import { stateMark } from "./state-mark.ts";

/** Cells of a progress bar. */
const BAR_CELLS = 24;

export function rolloutPicture(detail: RolloutDetail, nowMs: number): string {
  return [
    headLine(detail, nowMs),
    pipelineLine(detail),
    progressLine(detail),
    ...gateLines(detail),
    ...forecastLines(detail),
    ...whyLines(detail),
  ].join("\n");
}

export function membersCount(counts: RolloutCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function headLine(detail: RolloutDetail, nowMs: number): string {
  const { rollout, from, spec } = detail;
  const versions = from.length === 0 ? rollout.version : `${from.join(", ")} → ${rollout.version}`;
  const stage = rollout.stages === 1 ? "" : `   stage ${rollout.stage + 1}/${rollout.stages}`;
  const name = rollout.name === null ? "" : ` ${rollout.name}`;
  return `Rollout ${pc.bold(`${rollout.id}${name}`)}  ${rollout.model} ${versions}${spec.mode === undefined ? "" : ` (${modeText(spec.mode)})`}   ${phaseText(detail, nowMs)}${stage}`;
}

/** `॥ soaking 04:12 / 10:00`; once it is over, the state alone. */
function phaseText({ rollout, stages }: RolloutDetail, nowMs: number): string {
  const { state, phase, phaseSinceMs, createdMs, finishedMs } = rollout;
  const lasted = clockText((finishedMs ?? nowMs) - createdMs);
  if (state !== "running") return `${stateMark(state)}  ${finishedMs === null ? "after" : "in"} ${lasted}`;
  const since = clockText(nowMs - phaseSinceMs);
  switch (phase) {
    case "approval":
      return pc.yellow(`॥ waits for an approval, for ${since}`);
    case "deploying":
      return `${pc.cyan("◌ running")}  ${lasted}`;
    case "soaking":
      return pc.cyan(`॥ soaking ${since} / ${clockText(stages[rollout.stage]?.soakMs ?? 0)}`);
    case "gates":
      return pc.cyan(`॥ waits for its gates, for ${since}`);
  }
}

/** `04:12`, `1:04:12`. */
function clockText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours === 0 ? `${two(minutes)}:${two(rest)}` : `${hours}:${two(minutes)}:${two(rest)}`;
}

/** ` 5% ✔ ──── 25% ◌ ──── 100%          128 devices (site=oslo)   3 offline`. */
function pipelineLine({ rollout, stages, offline }: RolloutDetail): string {
  const pipeline = stages.map((stage, at) => stageText(stage, at, rollout)).join(pc.dim(" ──── "));
  const whose = `${counted(membersCount(rollout.counts), "device")}  (${rollout.selector})`;
  return ` ${pipeline}          ${whose}${offline === 0 ? "" : `   ${offline} offline`}`;
}

function stageText(
  stage: StageSummary,
  at: number,
  { stage: present, state, phase }: RolloutDetail["rollout"],
): string {
  const approval = approvalText(stage);
  const isOver = at < present || state === "completed";
  if (isOver) return `${stage.name} ${pc.green("✔")}${approval}`;
  if (at > present) return `${pc.dim(stage.name)}${approval}`;
  if (state === "running")
    return `${pc.bold(stage.name)} ${phase === "approval" ? pc.yellow("?") : pc.cyan("◌")}${approval}`;
  return `${pc.bold(stage.name)} ${state === "paused" ? pc.yellow("॥") : pc.red("✖")}${approval}`;
}

function approvalText({ approval }: StageSummary): string {
  if (approval.kind === "none") return "";
  return pc.dim(approval.kind === "given" ? ` (approved by ${approval.by})` : " (needs an approval)");
}

/** Of the devices that it has taken so far, over all stages. */
function progressLine({ rollout, spec, stages }: RolloutDetail): string {
  const { done, failed, deploying, reverting, reverted } = rollout.counts;
  const taken = stages.reduce((sum, stage) => sum + stage.taken, 0);
  const isBack = rollout.state === "rolling-back" || rollout.state === "rolled-back";
  const [word, part] = isBack ? ["back", reverted + failed] : ["updated", done + failed];
  const of = isBack ? reverting + reverted + failed + done + deploying : taken;
  const filled = of === 0 ? 0 : Math.floor((BAR_CELLS * part) / of);
  const bar = "█".repeat(filled) + pc.dim("░".repeat(BAR_CELLS - filled));
  const good = isBack ? `reverted ${reverted}` : `ok ${done}`;
  return ` ${word} ${part}/${of} ${bar} ${percent(of === 0 ? 0 : part / of)}   ${good}  ${failedText(spec, done, failed)}  ${pc.dim(shortDigest(rollout.statement))}`;
}

function failedText({ abort }: RolloutDetail["spec"], done: number, failed: number): string {
  if (failed === 0) return "failed 0";
  const share = failed / (done + failed);
  const limit = abort === null ? "" : `, at most ${percent(abort.failedShareMax)}`;
  return pc.red(`failed ${failed} (${percent(share)}${limit})`);
}

function gateLines({ gates, spec }: RolloutDetail): string[] {
  if (spec.gates.length === 0) return [];
  if (gates === null) return [pc.dim(` gates      not read yet: ${spec.gates.map(({ metric }) => metric).join(", ")}`)];
  return gates.results.map(
    ({ metric, verdict, text }, at) => ` ${at === 0 ? "gates" : "     "}      ${MARKS[verdict]} ${metric}  ${text}`,
  );
}

const MARKS = { pass: pc.green("✔"), fail: pc.red("✖"), inconclusive: pc.yellow("?") } as const;

/** What the plan said of the devices that are done, and what they took. */
function forecastLines({ devices }: RolloutDetail): string[] {
  const known = devices.flatMap(({ forecast, tookMs }) =>
    forecast?.ms === undefined || forecast.ms === null || tookMs === undefined
      ? []
      : [{ foretoldMs: forecast.ms, tookMs }],
  );
  if (known.length === 0) return [];
  const [foretold, took] = [known.map(({ foretoldMs }) => foretoldMs), known.map(({ tookMs }) => tookMs)].map(median);
  const whose = known.length === 1 ? "" : ` (median of ${known.length})`;
  return [pc.dim(` forecast   ${duration(foretold ?? 0)} for a device, took ${duration(took ?? 0)}${whose}`)];
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

function whyLines({ rollout, window }: RolloutDetail): string[] {
  const lines: string[] = [];
  if (rollout.why !== null) lines.push(` why        ${rollout.why}`);
  if (window !== null && !window.open && rollout.state === "running") {
    lines.push(` window     ${window.opensAtMs === null ? "never opens again" : `opens ${instant(window.opensAtMs)}`}`);
  }
  const next = nextStep(rollout);
  return next === undefined ? lines : [...lines, pc.dim(` next       ${next}`)];
}

/** What a person can do where the rollout waits for one. */
function nextStep({ id, state, phase }: RolloutDetail["rollout"]): string | undefined {
  if (state === "paused") return `ferry rollout resume ${id}, or abort, or rollback`;
  if (state === "running" && phase === "approval") return `somebody else: ferry rollout approve ${id}`;
  return undefined;
}
