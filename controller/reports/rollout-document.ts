/** One rollout as a report: where it stands, what its gates say, which devices prove it and which do not. Pure. */
import { unreachable } from "../../protocol/unreachable.ts";
import { slotReportOf, type DeviceView } from "../fleet/device-view.ts";
import { devicesText } from "../rollout/end-of-rollout.ts";
import type { GateResult } from "../rollout/gate-result.ts";
import { numberText } from "../rollout/gate-words.ts";
import type { RolloutFacts, WindowView } from "../rollout/situation.ts";
import { Counts, type Tally } from "../rollout/tally.ts";
import { whyWaiting } from "../rollout/why-waiting.ts";
import type { RolloutDeviceState } from "../store/rollout-state.ts";
import type { RolloutDeviceRow, RolloutRow } from "../store/tables.ts";
import { countCell, grouped, instantCell, instantText, latencyCell, percentText, spanText, textCell } from "./cells.ts";
import { DOCUMENT_VERSION, type ReportBlock, type ReportDocument, type Tone } from "./document.ts";
import { bySeverity } from "./findings.ts";
import { DEVICES_NAMED_MAX, type Finding } from "./report-shape.ts";

export interface ReportedRolloutStory {
  readonly row: RolloutRow;
  readonly facts: RolloutFacts;
  /** Of all its members. */
  readonly tally: Tally;
  /** MEMBERS_MAX at most: what needs a person first. */
  readonly members: readonly RolloutDeviceRow[];
  readonly views: ReadonlyMap<string, DeviceView>;
  /** Of all its members, those that are offline now. */
  readonly offline: number;
  /** The versions that its members had before it. */
  readonly from: readonly string[];
  /** Of the present stage, when they were read last. */
  readonly gates: { readonly atMs: number; readonly results: readonly GateResult[] } | undefined;
  readonly window: WindowView | null;
  /** The newest last. */
  readonly events: readonly { readonly atMs: number; readonly text: string }[];
  readonly atMs: number;
}

/** Members in the tables; `ferry rollout status` has all. */
export const MEMBERS_MAX = 200;

export function rolloutDocument(story: ReportedRolloutStory): ReportDocument {
  const { row, facts, atMs } = story;
  const findings = bySeverity(findingsOf(story));
  return {
    documentVersion: DOCUMENT_VERSION,
    kind: "rollout",
    subject: String(row.id),
    title: `Rollout ${row.id}: ${row.name}@${row.version}`,
    atMs,
    fromMs: row.created_ms,
    verdict: { tone: toneOf(story, findings), text: verdictText(story) },
    findings,
    sections: [
      { title: "Where it stands", blocks: [figures(story), aboutParagraph(story), stagesTable(story)] },
      { title: "Gates", blocks: facts.spec.gates.length === 0 ? [] : [gatesTable(story)] },
      { title: "Devices that are not done", blocks: [openTable(story)] },
      { title: "Devices that prove it", blocks: [evidenceTable(story)] },
      { title: "What happened", blocks: [eventsTable(story)] },
    ].filter(({ blocks }) => blocks.length > 0),
  };
}

function countOf({ tally }: ReportedRolloutStory, ...states: readonly RolloutDeviceState[]): number {
  return new Counts(tally).count(({ state }) => states.length === 0 || states.includes(state));
}

function toneOf({ row }: ReportedRolloutStory, findings: readonly Finding[]): Tone {
  if (row.state === "rolling-back" || row.state === "rolled-back") return "critical";
  if (findings.some(({ severity }) => severity === "critical")) return "critical";
  return row.state === "aborted" || findings.some(({ severity }) => severity === "warning") ? "warning" : "good";
}

function verdictText(story: ReportedRolloutStory): string {
  const { row, facts, offline } = story;
  const [all, done, failed] = [countOf(story), countOf(story, "done"), countOf(story, "failed")];
  const state =
    facts.state === "running"
      ? `runs, in stage ${facts.stage + 1} of ${facts.spec.stages.length} (${facts.phase})`
      : `is ${row.state}`;
  return [
    `It ${state}: ${done} of ${devicesText(all)} proved it by their own signed reports`,
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(offline === 0 ? [] : [`${offline} ${offline === 1 ? "is" : "are"} offline`]),
  ]
    .join(", ")
    .concat(row.why === null ? "." : `; ${row.why}.`);
}

function findingsOf(story: ReportedRolloutStory): Finding[] {
  const { row, members, gates, views } = story;
  const { id, name } = row;
  const findings: Finding[] = [];
  const add = (
    severity: Finding["severity"],
    text: string,
    next: string,
    devices: readonly RolloutDeviceRow[] = [],
  ) => {
    findings.push({ severity, text, devices: devices.slice(0, DEVICES_NAMED_MAX).map(({ device }) => device), next });
  };
  const state = stateFinding(story);
  if (state !== undefined) add(state.severity, state.text, state.next);
  // Ten devices with one cause are one finding.
  const failed = members.filter((member) => member.state === "failed");
  for (const [why, own] of Map.groupBy(failed, (member) => member.why ?? "without a reason")) {
    add(
      "critical",
      `${devicesText(own.length)} failed: ${why}`,
      `They serve what they had. Mend the cause, then \`ferry rollout retry ${id}\`; or take everything back: \`ferry rollout rollback ${id}\`.`,
      own,
    );
  }
  for (const { verdict, text } of gates?.results ?? []) {
    if (verdict === "fail") {
      add(
        "critical",
        `A gate failed: ${text}`,
        `Take it back with \`ferry rollout rollback ${id}\`, or let the stage through all the same: \`ferry rollout resume ${id} --waive-gates\`.`,
      );
    } else if (verdict === "inconclusive" && row.stage_phase === "gates") {
      add("note", `A gate is undecided: ${text}`, "It waits for more requests. Nothing is wrong yet.");
    }
  }
  const away = members.filter(
    ({ device, state }) => state !== "done" && state !== "superseded" && views.get(device)?.online !== true,
  );
  if (away.length > 0 && !isOver(row)) {
    add(
      "warning",
      `${devicesText(away.length)} not done and offline`,
      "They get it when they return; check their power and network.",
      away,
    );
  }
  const fallen = members.filter(({ device, state }) => state === "done" && !proves(story, views.get(device)));
  if (fallen.length > 0) {
    add(
      "warning",
      `${devicesText(fallen.length)} done, and serving something else of ${name} now`,
      `A later deployment changed it, or the device went back: \`ferry report device ${fallen[0]?.device ?? ""}\`.`,
      fallen,
    );
  }
  return findings;
}

function isOver({ state }: RolloutRow): boolean {
  return state === "aborted" || state === "superseded" || state === "rolled-back";
}

function proves({ row }: ReportedRolloutStory, view: DeviceView | undefined): boolean {
  return view !== undefined && slotReportOf(view, row.name)?.active?.statement === row.statement;
}

/** What of the rollout as a whole waits for a person. */
function stateFinding({ row, facts }: ReportedRolloutStory): Pick<Finding, "severity" | "text" | "next"> | undefined {
  const { id, name, version, why } = row;
  const reason = why === null ? "" : `: ${why}`;
  switch (row.state) {
    case "running":
      if (facts.phase !== "approval") return undefined;
      return {
        severity: "warning",
        text: `Stage ${facts.stage + 1} waits for an approval`,
        next: `Somebody else than ${row.author ?? "its author"}: \`ferry rollout approve ${id}\`.`,
      };
    case "paused":
      return {
        severity: "warning",
        text: `It is paused${reason}`,
        next: `\`ferry rollout resume ${id}\` lets it go on, \`ferry rollout rollback ${id}\` takes it back.`,
      };
    case "failed":
      return {
        severity: "critical",
        text: `It failed${reason}`,
        next: `Mend the cause and \`ferry rollout retry ${id}\`, or take it back everywhere: \`ferry rollout rollback ${id}\`.`,
      };
    case "rolling-back":
      return {
        severity: "warning",
        text: `It is being taken back${reason}`,
        next: `Watch it: \`ferry rollout status ${id} -w\`.`,
      };
    case "rolled-back":
      return {
        severity: "note",
        text: `It was taken back${reason}`,
        next: `Build another version with what was wrong mended; ${name}@${version} stays in the catalogue.`,
      };
    case "aborted":
      return {
        severity: "note",
        text: `It was stopped, and devices stay as they are${reason}`,
        next: `To bring it to the others all the same: ferry rollout create ${name}@${version} --all --dry-run`,
      };
    case "completed":
    case "superseded":
      return undefined;
    default:
      return unreachable(row.state);
  }
}

function figures(story: ReportedRolloutStory): ReportBlock {
  const [all, done, failed] = [countOf(story), countOf(story, "done"), countOf(story, "failed")];
  const open = countOf(story, "waiting", "deploying");
  return {
    kind: "figures",
    figures: [
      { label: "Devices", value: grouped(all) },
      { label: "Proven", value: grouped(done), note: all === 0 ? "" : percentText(done / all), tone: "good" },
      { label: "Failed", value: grouped(failed), ...(failed === 0 ? {} : { tone: "critical" as const }) },
      { label: "On their way or waiting", value: grouped(open) },
      { label: "Offline", value: grouped(story.offline), ...(story.offline === 0 ? {} : { tone: "warning" as const }) },
    ],
  };
}

function aboutParagraph({ row, from, atMs }: ReportedRolloutStory): ReportBlock {
  const former = from.filter((version) => version !== row.version);
  const took = spanText((row.finished_ms ?? atMs) - row.created_ms);
  const parts = [
    `Begun ${instantText(row.created_ms)} UTC by ${row.author ?? "an earlier version of the program"} for ${row.selector}`,
    former.length === 0 ? "nothing was served there before" : `replaces ${former.join(", ")}`,
    row.finished_ms === null ? `under way for ${took}` : `took ${took}`,
  ];
  return { kind: "paragraph", text: `${parts.join("; ")}.` };
}

function stagesTable({ facts, tally }: ReportedRolloutStory): ReportBlock {
  const counts = new Counts(tally);
  const inStage = (index: number, state?: RolloutDeviceState) =>
    counts.count((standing) => standing.stage === index && (state === undefined || standing.state === state));
  return {
    kind: "table",
    title: "Stages",
    columns: [
      { title: "Stage" },
      { title: "Taken", align: "right" },
      { title: "Proven", align: "right" },
      { title: "Failed", align: "right" },
      { title: "Soak", unit: "s", align: "right" },
      { title: "Approval" },
      { title: "Stands" },
    ],
    rows: facts.spec.stages.map(({ name, soakMs, approval }, index) => {
      const given = facts.approvals.find(({ stage }) => stage === index);
      const failed = inStage(index, "failed");
      return [
        textCell(name),
        countCell(inStage(index)),
        countCell(inStage(index, "done")),
        countCell(failed, failed > 0 ? "critical" : undefined),
        { text: spanText(soakMs), value: soakMs / 1_000 },
        textCell(given === undefined ? approval : `${given.by}, ${instantText(given.atMs)}`),
        textCell(index < facts.stage ? "over" : index > facts.stage ? "to come" : facts.phase),
      ];
    }),
    whenEmpty: "It has no stages.",
  };
}

function gatesTable({ gates }: ReportedRolloutStory): ReportBlock {
  const tones = { pass: "good", fail: "critical", inconclusive: undefined } as const;
  const number = (value: number | null) =>
    value === null ? { text: "–", value: "" } : { text: numberText(value), value };
  return {
    kind: "table",
    title: "Gates",
    columns: [
      { title: "Metric" },
      { title: "Verdict" },
      { title: "Value", align: "right" },
      { title: "Limit", align: "right" },
      { title: "Samples", align: "right" },
      { title: "In words" },
    ],
    rows: (gates?.results ?? []).map(({ metric, verdict, value, limit, samples, text }) => [
      textCell(metric),
      textCell(verdict, tones[verdict]),
      number(value),
      number(limit),
      countCell(Math.round(samples)),
      textCell(text),
    ]),
    whenEmpty: "They are read when the stage's soak is over.",
  };
}

function openTable(story: ReportedRolloutStory): ReportBlock {
  const { members, facts, views, window } = story;
  const open = members.filter(({ state }) => state !== "done" && state !== "superseded");
  return {
    kind: "table",
    title: "Not done",
    columns: [
      { title: "Device" },
      { title: "State" },
      { title: "Stage" },
      { title: "Tries", align: "right" },
      { title: "Since", unit: "UTC" },
      { title: "Why" },
    ],
    rows: open.map((member) => {
      const { device, state, stage, ask, tries, since_ms, why } = member;
      const isUntouched = state === "waiting" && ask === "none";
      return [
        textCell(device),
        textCell(state, state === "failed" ? "critical" : undefined),
        textCell(stage === null ? "–" : (facts.spec.stages[stage]?.name ?? String(stage + 1))),
        countCell(ask === "none" ? 0 : tries + 1),
        instantCell(since_ms),
        textCell((isUntouched ? whyWaiting(facts, views.get(device), window) : why) ?? "–"),
      ];
    }),
    leftOut: Math.max(0, countOf(story) - countOf(story, "done", "superseded") - open.length),
    whenEmpty: "None: every device is done.",
  };
}

function evidenceTable(story: ReportedRolloutStory): ReportBlock {
  const done = story.members.filter(({ state }) => state === "done");
  return {
    kind: "table",
    title: "Evidence, from the devices' signed reports",
    columns: [
      { title: "Device" },
      { title: "Golden set" },
      { title: "p95 when it was qualified", unit: "ms", align: "right" },
      { title: "Memory", unit: "B", align: "right" },
      { title: "Computed by" },
      { title: "Took", unit: "s", align: "right" },
    ],
    rows: done.map(({ device, started_ms, done_ms }) => {
      const view = story.views.get(device);
      const evidence =
        view !== undefined && proves(story, view) ? slotReportOf(view, story.row.name)?.active?.evidence : undefined;
      const took = started_ms !== null && done_ms !== null && done_ms > started_ms ? done_ms - started_ms : undefined;
      return [
        textCell(device),
        evidence === undefined
          ? textCell("serves another now", "warning")
          : textCell(`${evidence.goldenPassed}/${evidence.goldenCases}`, "good"),
        latencyCell(evidence?.latencyP95Ms),
        evidence === undefined
          ? { text: "–", value: "" }
          : { text: `${Math.round(evidence.memoryBytes / 1e6)} MB`, value: evidence.memoryBytes },
        textCell(evidence?.provider ?? "–"),
        took === undefined ? { text: "–", value: "" } : { text: spanText(took), value: Math.round(took / 1_000) },
      ];
    }),
    leftOut: Math.max(0, countOf(story, "done") - done.length),
    whenEmpty: "No device has proved it yet.",
  };
}

function eventsTable({ events }: ReportedRolloutStory): ReportBlock {
  return {
    kind: "table",
    title: "Events",
    columns: [{ title: "When", unit: "UTC" }, { title: "What" }],
    rows: events.map(({ atMs, text }) => [textCell(instantText(atMs)), textCell(text)]),
    whenEmpty: "Nothing yet.",
  };
}
