/** `ferry accuracy`: how right the versions were, by the truth that came as feedback. */
import { Option, type Command } from "commander";
import pc from "picocolors";
import type { ClassAccuracy, VersionAccuracy } from "../accuracy/accuracy-shape.ts";
import type { ShareEstimate } from "../accuracy/wilson.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { duration } from "./human.ts";
import { deviceId, modelLabel, modelName } from "./ids.ts";
import { print, printListing, say, table, type Column } from "./output.ts";

interface Options extends RemoteCommandOptions {
  readonly selector?: string;
  readonly device?: string;
  readonly byDevice?: true;
  readonly since: number;
}

const WEEK_MS = 7 * 86_400_000;

export function addAccuracyCommand(program: Command): void {
  const command = program
    .command("accuracy [model]")
    .description(
      "how right the versions were, by the truth that came as feedback; with MODEL or MODEL@VERSION, by class",
    )
    .option("-l, --selector <selector>", "only of the devices with these labels; @NAME is a group")
    .option("--device <id>", "only of this device")
    .option("--by-device", "each device by itself too")
    .addOption(
      new Option("--since <time>", "truth that came within this long, such as 24h")
        .argParser(durationMs)
        .default(WEEK_MS, "7d"),
    )
    .action(showAccuracy);
  withRemote(
    command,
    "ferry accuracy",
    "ferry accuracy digits --by-device",
    "ferry accuracy digits@1.1.0 -l site=oslo --since 24h -o json",
  );
}

async function showAccuracy(label: string | undefined, options: Options): Promise<void> {
  const format = formatOf(options);
  const subject = label === undefined ? {} : label.includes("@") ? modelLabel(label) : { model: modelName(label) };
  const { versions } = await clientOf(options).accuracy({
    query: {
      ...subject,
      ...(options.device === undefined ? {} : { device: deviceId(options.device) }),
      ...(options.selector === undefined ? {} : { selector: options.selector }),
      byDevice: options.byDevice === true,
      windowSeconds: Math.max(60, Math.round(options.since / 1_000)),
    },
  });
  const isForPeople = format === "table" || format === "wide";
  if (isForPeople && label !== undefined && versions.length > 0) {
    print(versions.map(describe).join("\n\n"));
  } else {
    const whenEmpty = `No truth came in the last ${duration(options.since)}. Tell it with: ferry feedback DEVICE MODEL ID LABEL`;
    printListing({ rows: versions, columns: VERSION_COLUMNS, name: nameOf, whenEmpty }, format);
  }
  if (isForPeople && versions.some(({ accuracy }) => accuracy !== null)) say(pc.dim(INTERVALS));
}

const INTERVALS =
  "Intervals: 95 %, Wilson, for one look. To decide between two versions, or to look again and again: ferry experiment create";

function nameOf({ model, version, device }: VersionAccuracy): string {
  return `${model}@${version}${device === undefined ? "" : ` ${device}`}`;
}

const VERSION_COLUMNS: readonly Column<VersionAccuracy>[] = [
  { title: "MODEL", text: ({ model }) => model },
  { title: "VERSION", text: ({ version }) => version },
  { title: "DEVICE", text: ({ device, devices }) => device ?? `all ${devices}`, csv: ({ device }) => device ?? "" },
  {
    title: "JUDGED",
    text: ({ accuracy, values }) => String((accuracy?.of ?? 0) + (values?.judged ?? 0)),
    align: "right",
  },
  {
    title: "ACCURACY",
    text: ({ accuracy }) => shareText(accuracy),
    csv: ({ accuracy }) => String(accuracy?.share ?? ""),
  },
  { title: "MACRO F1", text: ({ macro }) => macro?.f1.toFixed(3) ?? "–", csv: ({ macro }) => String(macro?.f1 ?? "") },
  { title: "MAE", text: ({ values }) => numberText(values?.mae), csv: ({ values }) => String(values?.mae ?? "") },
  { title: "RMSE", text: ({ values }) => numberText(values?.rmse), csv: ({ values }) => String(values?.rmse ?? "") },
];

function describe(figures: VersionAccuracy): string {
  const { model, version, device, devices, accuracy, macro, classes, untold, confusions, values } = figures;
  const where = device ?? `${devices} ${devices === 1 ? "device" : "devices"}`;
  const lines = [`${pc.bold(`${model}@${version}`)}  ${where}`];
  if (accuracy !== null) lines.push(`  right        ${shareText(accuracy)}, of ${accuracy.of} judged`);
  if (macro !== null) {
    const { precision, recall, f1 } = macro;
    lines.push(
      `  macro        precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, F1 ${f1.toFixed(3)} over ${classes.length} classes`,
    );
  }
  if (values !== null) {
    const { judged, mae, mse, rmse } = values;
    lines.push(
      `  values       MAE ${numberText(mae)}, RMSE ${numberText(rmse)}, MSE ${numberText(mse)}, of ${judged} judged`,
    );
  }
  if (confusions.length > 0) {
    const worst = confusions.slice(0, CONFUSIONS_SHOWN_MAX);
    lines.push(
      `  taken for    ${worst.map(({ actual, predicted, count }) => `${actual} → ${predicted} (${count}×)`).join(", ")}`,
    );
  }
  if (untold > 0) lines.push(`  ${untold} judged predictions were not told by class`);
  const shown = classes.slice(0, CLASSES_SHOWN_MAX);
  if (shown.length > 0) lines.push(table({ rows: shown, columns: CLASS_COLUMNS }, false).replaceAll(/^/gm, "  "));
  if (classes.length > shown.length) lines.push(`  … ${classes.length - shown.length} more: -o json has all`);
  return lines.join("\n");
}

/** On one line. */
const CONFUSIONS_SHOWN_MAX = 5;
/** On one screen. */
const CLASSES_SHOWN_MAX = 40;

const CLASS_COLUMNS: readonly Column<ClassAccuracy>[] = [
  { title: "CLASS", text: ({ label }) => label },
  { title: "TRUTHS", text: ({ support }) => String(support), align: "right" },
  { title: "PRECISION", text: ({ precision }) => shareText(precision) },
  { title: "RECALL", text: ({ recall }) => shareText(recall) },
  { title: "F1", text: ({ f1 }) => f1.toFixed(3), align: "right" },
];

/** `97.2 % (96.1–98.0)`. */
function shareText(estimate: ShareEstimate | null): string {
  if (estimate === null) return "–";
  const [share, low, high] = [estimate.share, estimate.low, estimate.high].map((one) => (100 * one).toFixed(1));
  return `${share} % (${low}–${high})`;
}

function numberText(value: number | undefined): string {
  return value === undefined ? "–" : String(Number(value.toPrecision(3)));
}
