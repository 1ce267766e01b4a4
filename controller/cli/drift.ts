/** `ferry drift …`: which inputs and outputs are distributed otherwise than when the model was made. */
import { Option, type Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DriftVerdict } from "../drift/drift-shape.ts";
import { numberText } from "../drift/judge-feature.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { addDriftDevices } from "./drift-devices.ts";
import { drawDrift } from "./drift-picture.ts";
import { durationMs } from "./duration.ts";
import { ago, duration } from "./human.ts";
import { deviceId, modelLabel, modelName } from "./ids.ts";
import { print, printListing, printOne, say, type Column } from "./output.ts";

interface Options extends RemoteCommandOptions {
  readonly device?: string;
  readonly window: number;
  readonly referenceFrom?: number;
  readonly referenceTo?: number;
  readonly all?: true;
}

const DAY_MS = 86_400_000;

export function addDriftCommands(program: Command): void {
  const drift = program
    .command("drift")
    .description("whether what models are given, and what they make of it, has changed");
  const status = withWindow(
    drift
      .command("status [model]")
      .description("each feature against its reference: the bundle's baseline, or the first that the fleet saw")
      .option("--all", "features that are as they were, too"),
  ).action(showStatus);
  withRemote(status, "ferry drift status", "ferry drift status digits@1.1.0 --all", "ferry drift status -o json");
  const show = withWindow(
    drift.command("show <model> <feature>").description("the reference and now, bin by bin"),
  ).action(showFeature);
  addDriftDevices(drift);
  withRemote(show, "ferry drift show digits probabilities.class", "ferry drift show digits@1.1.0 'pixels[12]'");
}

function withWindow(command: Command): Command {
  return command
    .option("--device <id>", "only of this device")
    .addOption(
      new Option("--window <time>", "look back this far for the newest examples")
        .argParser(durationMs)
        .default(DAY_MS, "24h"),
    )
    .option("--reference-from <time>", "compare with what the fleet saw since so long ago, such as 48h …", durationMs)
    .option("--reference-to <time>", "… until so long ago, such as 24h", durationMs);
}

function queryOf(options: Options, nowMs = Date.now()) {
  const { device, window, referenceFrom, referenceTo } = options;
  return {
    ...(device === undefined ? {} : { device: deviceId(device) }),
    windowSeconds: Math.max(60, Math.round(window / 1_000)),
    ...(referenceFrom === undefined ? {} : { referenceFromMs: nowMs - referenceFrom }),
    ...(referenceTo === undefined ? {} : { referenceToMs: nowMs - referenceTo }),
  };
}

function subjectOf(label: string) {
  return label.includes("@") ? modelLabel(label) : { model: modelName(label) };
}

async function showStatus(label: string | undefined, options: Options): Promise<void> {
  const format = formatOf(options);
  const subject = label === undefined ? {} : subjectOf(label);
  const { verdicts } = await clientOf(options).driftStatus({ query: { ...subject, ...queryOf(options) } });
  const isForPeople = format === "table" || format === "wide";
  const steady = verdicts.filter(({ state }) => state === "steady").length;
  const shown = isForPeople && options.all !== true ? verdicts.filter(({ state }) => state === "drifting") : verdicts;
  if (!isForPeople || shown.length > 0) {
    printListing({ rows: shown, columns: COLUMNS, name: nameOf, whenEmpty: whenEmpty(options) }, format);
  }
  if (!isForPeople) return;
  if (verdicts.length === 0) say(whenEmpty(options));
  else sayNext(verdicts, steady);
}

function whenEmpty({ window }: Options): string {
  return `No model was asked in the last ${duration(window)}: devices tell distributions every five minutes with traffic.`;
}

/** What stands below the table, for whoever reads it at night. */
function sayNext(verdicts: readonly DriftVerdict[], steady: number): void {
  const drifting = verdicts.filter(({ isDrifting }) => isDrifting);
  const open = verdicts.filter(({ state }) => state === "inconclusive");
  const unmeasured = verdicts.filter(({ state }) => state === "not-measured");
  say("");
  for (const { sentence } of drifting.slice(0, SENTENCES_MAX)) say(`${pc.yellow("drift:")} ${sentence}`);
  if (drifting.length > SENTENCES_MAX) say(`… and ${drifting.length - SENTENCES_MAX} more.`);
  if (drifting.length === 0 && steady > 0)
    say(`${pc.green("✔")} No feature drifts; ${steady} are as in their reference.`);
  const [silent] = unmeasured;
  if (silent !== undefined) say(`${pc.yellow(`${unmeasured.length} not measured.`)} ${silent.sentence}`);
  const [first] = open;
  if (first !== undefined) say(`${open.length} inconclusive. ${first.sentence}`);
}

const SENTENCES_MAX = 3;

function nameOf({ slot, version, feature }: DriftVerdict): string {
  return `${slot}@${version}/${feature}`;
}

const COLUMNS: readonly Column<DriftVerdict>[] = [
  { title: "MODEL", text: ({ slot, version }) => `${slot}@${version}` },
  { title: "FEATURE", text: ({ feature }) => feature },
  { title: "ROLE", text: ({ role }) => role },
  { title: "STATE", text: ({ state }) => stateText(state) },
  { title: "PSI", text: ({ statistics }) => figure(statistics?.psi), align: "right" },
  { title: "LIMIT", text: ({ threshold }) => figure(threshold), align: "right" },
  { title: "KS", text: ({ statistics }) => figure(statistics?.kolmogorovSmirnov), align: "right" },
  { title: "JS", text: ({ statistics }) => figure(statistics?.jensenShannon), align: "right" },
  { title: "W1", text: ({ statistics }) => figure(statistics?.wasserstein), align: "right", wide: true },
  { title: "CHI2", text: ({ statistics }) => figure(statistics?.chiSquare), align: "right", wide: true },
  { title: "P", text: ({ statistics }) => figure(statistics?.pValue), align: "right", wide: true },
  { title: "MISSING", text: ({ statistics }) => figure(statistics?.missing), align: "right", wide: true },
  { title: "UNKNOWN", text: ({ statistics }) => figure(statistics?.unknown), align: "right", wide: true },
  { title: "EXAMPLES", text: ({ samples }) => String(samples), align: "right" },
  {
    title: "REFERENCE",
    text: ({ reference, referenceSamples }) => (reference === "none" ? "–" : `${reference} (${referenceSamples})`),
  },
  { title: "DEVICES", text: ({ devices }) => String(devices.length), align: "right" },
  { title: "SINCE", text: ({ sinceMs }) => (sinceMs === undefined ? "–" : `${ago(sinceMs)} ago`) },
];

function stateText(state: DriftVerdict["state"]): string {
  if (state === "drifting") return pc.yellow(state);
  return state === "steady" ? pc.green(state) : pc.dim(state);
}

function figure(value: number | undefined): string {
  return value === undefined ? "–" : numberText(value);
}

async function showFeature(label: string, feature: string, options: Options): Promise<void> {
  const query = { ...subjectOf(label), feature, ...queryOf(options) };
  const { pictures, features } = await clientOf(options).driftFeature({ query });
  if (pictures.length === 0) {
    const known = features.slice(0, FEATURES_NAMED_MAX).join(", ");
    throw new FerryError("not-found", `${label} has no feature ${JSON.stringify(feature)} that devices told of`, {
      hint:
        features.length === 0
          ? whenEmpty(options)
          : `It has ${known}${features.length > FEATURES_NAMED_MAX ? ", …" : ""}.`,
      exitCode: EXIT.notFound,
    });
  }
  const format = formatOf(options);
  printOne(
    pictures,
    format,
    () => pictures.map(drawDrift).join("\n\n"),
    pictures.map(({ verdict }) => nameOf(verdict)).join("\n"),
  );
  if (format === "table" || format === "wide") print("");
}

const FEATURES_NAMED_MAX = 20;
