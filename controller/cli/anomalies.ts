/** `ferry anomalies`: where more of what models are asked is unusual than when they were made. */
import { Option, type Command } from "commander";
import pc from "picocolors";
import type { AnomalyDetector, AnomalyVerdict } from "../drift/anomaly-shape.ts";
import { numberText } from "../drift/judge-feature.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { ago, duration } from "./human.ts";
import { deviceId, modelLabel, modelName } from "./ids.ts";
import { printListing, say, type Column } from "./output.ts";

interface Options extends RemoteCommandOptions {
  readonly device?: string;
  readonly window: number;
  readonly models?: true;
  readonly all?: true;
}

const DAY_MS = 86_400_000;

export function addAnomaliesCommand(program: Command): void {
  const command = program
    .command("anomalies [model]")
    .description("on which devices more inputs are unusual than in the bundle's baseline")
    .option("--device <id>", "only of this device")
    .addOption(new Option("--window <time>", "look back this far").argParser(durationMs).default(DAY_MS, "24h"))
    .option("--models", "one line for each version, over all its devices")
    .option("--all", "those that are as usual, too")
    .action(showAnomalies);
  withRemote(
    command,
    "ferry anomalies",
    "ferry anomalies digits@1.1.0 --window 2h",
    "ferry anomalies --models -o json",
  );
}

async function showAnomalies(label: string | undefined, options: Options): Promise<void> {
  const format = formatOf(options);
  const { device, window, models } = options;
  const { verdicts } = await clientOf(options).anomalies({
    query: {
      ...(label === undefined ? {} : label.includes("@") ? modelLabel(label) : { model: modelName(label) }),
      ...(device === undefined ? {} : { device: deviceId(device) }),
      windowSeconds: Math.max(60, Math.round(window / 1_000)),
      by: models === true ? "model" : "device",
    },
  });
  const isForPeople = format === "table" || format === "wide";
  const shown = isForPeople && options.all !== true ? verdicts.filter(({ state }) => state === "anomalous") : verdicts;
  if (!isForPeople || shown.length > 0) {
    printListing({ rows: shown, columns: COLUMNS, name: nameOf, whenEmpty: whenEmpty(window) }, format);
  }
  if (!isForPeople) return;
  if (verdicts.length === 0) say(whenEmpty(window));
  else sayNext(verdicts);
}

function whenEmpty(window: number): string {
  return `No model was asked in the last ${duration(window)}: devices tell scores every five minutes with traffic.`;
}

/** What stands below the table, for whoever reads it at night. */
function sayNext(verdicts: readonly AnomalyVerdict[]): void {
  const of = (state: AnomalyVerdict["state"]) => verdicts.filter((verdict) => verdict.state === state);
  const [anomalous, usual] = [of("anomalous"), of("usual")];
  say("");
  for (const { sentence } of anomalous.slice(0, SENTENCES_MAX)) say(`${pc.yellow("anomalies:")} ${sentence}`);
  if (anomalous.length > SENTENCES_MAX) say(`… and ${anomalous.length - SENTENCES_MAX} more.`);
  if (anomalous.length === 0 && usual.length > 0) {
    say(`${pc.green("✔")} No more anomalies than normal; ${usual.length} as usual (--all shows them).`);
  }
  for (const [first, ...others] of [of("not-scored"), of("inconclusive")]) {
    if (first !== undefined)
      say(`${first.state}: ${first.sentence}${others.length === 0 ? "" : ` And ${others.length} more.`}`);
  }
}

const SENTENCES_MAX = 3;

function nameOf({ slot, version, device }: AnomalyVerdict): string {
  return device === undefined ? `${slot}@${version}` : `${slot}@${version}/${device}`;
}

const COLUMNS: readonly Column<AnomalyVerdict>[] = [
  { title: "MODEL", text: ({ slot, version }) => `${slot}@${version}` },
  { title: "DEVICE", text: ({ device, devices }) => device ?? `(${devices})` },
  { title: "STATE", text: ({ state }) => stateText(state) },
  { title: "ANOMALOUS", text: ({ anomalous }) => String(anomalous), align: "right" },
  { title: "EXAMPLES", text: ({ examples }) => String(examples), align: "right" },
  { title: "SHARE", text: shareOf, align: "right" },
  { title: "NORMAL", text: ({ expectedShare }) => percent(expectedShare), align: "right" },
  { title: "MOSTLY", text: ({ farthest }) => farthest[0]?.feature ?? "–" },
  { title: "SINCE", text: ({ sinceMs }) => (sinceMs === undefined ? "–" : `${ago(sinceMs)} ago`) },
  ...["robust-z", "mahalanobis"].flatMap((name): readonly Column<AnomalyVerdict>[] => {
    const figure = (of: "median" | "p99" | "highest" | "threshold") => (verdict: AnomalyVerdict) =>
      numberOf(verdict.detectors.find((detector) => detector.name === name)?.[of]);
    const title = name.toUpperCase();
    return [
      { title: `${title} P50`, text: figure("median"), align: "right", wide: true },
      { title: `${title} P99`, text: figure("p99"), align: "right", wide: true },
      { title: `${title} LIMIT`, text: figure("threshold"), align: "right", wide: true },
    ];
  }),
];

function stateText(state: AnomalyVerdict["state"]): string {
  if (state === "anomalous") return pc.yellow(state);
  return state === "usual" ? pc.green(state) : pc.dim(state);
}

function shareOf({ anomalous, examples }: AnomalyVerdict): string {
  return examples === 0 ? "–" : percent(anomalous / examples);
}

function percent(share: number | undefined): string {
  return share === undefined ? "–" : `${numberText(100 * share)} %`;
}

function numberOf(value: AnomalyDetector["median"]): string {
  return value === undefined ? "–" : numberText(value);
}
