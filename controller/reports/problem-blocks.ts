/** Telemetry that should not have come as it did: findings and a table. Pure. */
import type { TelemetryProblem } from "../telemetry/problems.ts";
import type { ProblemName } from "../telemetry/problem-names.ts";
import { countCell, instantCell, textCell } from "./cells.ts";
import type { ReportBlock } from "./document.ts";
import { DEVICES_NAMED_MAX, type Finding } from "./report-shape.ts";

const ROWS_MAX = 15;

/** In words that need no manual. */
const WORDS: Readonly<Record<ProblemName, string>> = {
  "batch-unreadable": "sent telemetry that cannot be read",
  "record-unreadable": "sent records that are not as their kind should be",
  "kind-unknown": "sent records of a kind that this controller does not know",
  "clock-ahead": "sent records from the future",
  "clock-behind": "sent records from long ago",
  "stream-reused": "sent numbers again with another content",
};

/** One for each kind of problem; the step is that of its latest device. */
export function problemFindings(problems: readonly TelemetryProblem[]): Finding[] {
  return [...Map.groupBy(problems, ({ problem }) => problem)].flatMap(([problem, own]) => {
    const [latest] = own;
    if (latest === undefined) return [];
    const devices = [...new Set(own.map(({ device }) => device))];
    const who = devices.length === 1 ? latest.device : `${devices.length} devices`;
    const times = own.reduce((sum, { count }) => sum + count, 0);
    return [
      {
        severity: problem === "kind-unknown" ? "note" : "warning",
        text: `${who} ${WORDS[problem]} (${times} times, ${problem})`,
        devices: devices.slice(0, DEVICES_NAMED_MAX),
        next: latest.next,
      },
    ];
  });
}

/** Nothing where there is none. */
export function problemsBlocks(problems: readonly TelemetryProblem[]): ReportBlock[] {
  if (problems.length === 0) return [];
  const shown = problems.slice(0, ROWS_MAX);
  return [
    {
      kind: "table",
      title: "Telemetry that should not have come",
      columns: [
        { title: "Device" },
        { title: "Problem" },
        { title: "Times", align: "right" },
        { title: "Last", unit: "UTC" },
        { title: "Example" },
      ],
      rows: shown.map(({ device, problem, count, lastMs, example }) => [
        textCell(device),
        textCell(problem),
        countCell(count),
        instantCell(lastMs),
        textCell(example),
      ]),
      leftOut: problems.length - shown.length,
      whenEmpty: "",
    },
  ];
}
