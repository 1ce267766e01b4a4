import type { Command } from "commander";
import { readFileSync } from "node:fs";
import pc from "picocolors";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { valueText, type AlertMetric } from "../alerts/alert-metrics.ts";
import { parseRules } from "../alerts/parse-rules.ts";
import { matcherText, parseMatcher, type Matcher } from "../alerts/silence.ts";
import type { AlertView, RuleView, SilenceView } from "../http/alert-routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withRemote,
  type RemoteCommandOptions,
  type RemoteOptions,
} from "./context.ts";
import { durationMs } from "./duration.ts";
import { ago, counted, duration, instant } from "./human.ts";
import { print, printListing, printOne, say, type Column } from "./output.ts";
import { ruleNamed } from "./resource-kinds.ts";

export function addAlertCommands(program: Command): void {
  const alerts = program.command("alerts").description("what is wrong, who is told, and what is watched");
  const list = alerts
    .command("list")
    .description("what is wrong now, the worst first")
    .option("--all", "also what is not told yet, and what was over within a day")
    .action(listAlerts);
  withRemote(list, "ferry alerts list", "ferry alerts list --all -o json");
  const show = alerts.command("show <alert>").description("one alert, and what to do").action(showAlert);
  withRemote(show, "ferry alerts show 3f2a");
  const ack = alerts
    .command("ack <alert>")
    .description("say that you have it in hand: it is not told again until it is over")
    .action(acknowledge);
  withExamples(withController(ack), "ferry alerts ack 3f2a");
  const silence = alerts
    .command("silence <matcher...>")
    .description("tell nobody of alerts with these labels, for a time")
    .requiredOption("--for <time>", "how long, such as 2h; at most 31d")
    .option("--comment <text>", "why, for whoever wonders")
    .action(silenceAlerts);
  withExamples(
    withController(silence),
    "ferry alerts silence device=cam-17 --for 2h --comment 'new cable'",
    "ferry alerts silence rule=hot site=oslo --for 1d",
  );
  const unsilence = alerts.command("unsilence <id>").description("end a silence").action(unsilenceAlerts);
  withExamples(withController(unsilence), "ferry alerts unsilence 4");
  const rules = alerts.command("rules").description("what is watched").action(listRules);
  withRemote(rules, "ferry alerts rules");
  const metrics = alerts.command("metrics").description("what rules can be about").action(listMetrics);
  withRemote(metrics, "ferry alerts metrics");
  const apply = alerts
    .command("apply <file>")
    .description("add rules from a file, each in the place of one of its name; - reads standard input")
    .option("--dry-run", "only look for mistakes")
    .action(applyRules);
  withExamples(withController(apply), "ferry alerts apply examples/alerts/rules.yaml --dry-run");
  const remove = alerts
    .command("delete-rule <rule>")
    .description("forget a rule; one of the program's own is as it was again")
    .action(deleteRule);
  withExamples(withController(remove), "ferry alerts delete-rule oslo-hot");
  const test = alerts
    .command("test-webhook")
    .description("send a test to every receiver of controller.json, and show what each answered")
    .action(testReceivers);
  withRemote(test, "ferry alerts test-webhook");
}

async function listAlerts(options: RemoteCommandOptions & { readonly all?: true }): Promise<void> {
  const { alerts, silences, brokenRules } = await clientOf(options).listAlerts({});
  const rows = options.all === true ? alerts : alerts.filter(({ state }) => state === "firing");
  const whenEmpty = `${pc.green("✔")} Nothing is wrong. What is watched: ferry alerts rules`;
  printListing({ rows, columns: ALERT_COLUMNS, name: ({ id }) => id, whenEmpty }, formatOf(options));
  for (const silence of silences) say(silenceText(silence));
  for (const { name, why } of brokenRules) {
    say(`${pc.red("✖")} rule ${name} cannot be read, and is left out: ${why}`);
    say(`next: ferry alerts apply FILE with a sound one, or ferry alerts delete-rule ${name}`);
  }
  const [first] = rows;
  if (first !== undefined) say(`next: ferry alerts show ${first.id.slice(0, ID_SHOWN)}`);
}

/** Enough to tell hundreds apart. */
const ID_SHOWN = 8;

const MARKS = { critical: pc.red("✖"), warning: pc.yellow("!"), note: pc.cyan("·") } as const;

const ALERT_COLUMNS: readonly Column<AlertView>[] = [
  { title: "ALERT", text: ({ id }) => id.slice(0, ID_SHOWN), csv: ({ id }) => id },
  {
    title: "SEVERITY",
    text: ({ severity }) => `${MARKS[severity]} ${severity}`,
    csv: ({ severity }) => severity,
  },
  { title: "WHAT", text: ({ subject }) => subject },
  { title: "RULE", text: ({ rule }) => rule },
  { title: "VALUE", text: ({ metric, value }) => shownValue(metric, value), align: "right" },
  { title: "STATE", text: (alert) => stateText(alert) },
  { title: "SINCE", text: ({ sinceMs }) => `${ago(sinceMs)} ago`, csv: ({ sinceMs }) => instant(sinceMs) },
  { title: "NEXT", text: ({ next }) => next, wide: true },
];

/** The controller may be newer, and know metrics that this program does not. */
function shownValue(metric: string, value: number): string {
  return valueText(metric as AlertMetric, value);
}

function stateText({ state, isFlapping, isSilenced, ackedBy }: AlertView): string {
  const more = [
    ...(isFlapping ? ["flapping"] : []),
    ...(isSilenced ? ["silenced"] : []),
    ...(ackedBy === undefined ? [] : [`${ackedBy} has it`]),
  ];
  return more.length === 0 ? state : `${state} (${more.join(", ")})`;
}

function silenceText({ id, matchers, untilMs, by, comment }: SilenceView): string {
  const why = comment === "" ? "" : `: ${comment}`;
  return `${pc.yellow("silence")} ${id}  ${matchers.map(matcherText).join(" ")}  until ${instant(untilMs)}, by ${by}${why}`;
}

async function showAlert(prefix: string, options: RemoteCommandOptions): Promise<void> {
  const { alerts } = await clientOf(options).listAlerts({});
  const found = alerts.filter(({ id }) => id.startsWith(prefix));
  const [alert] = found;
  if (alert === undefined || found.length > 1) {
    throw new FerryError("not-found", `${found.length} alerts begin with ${prefix}`, {
      hint: "See them with: ferry alerts list --all -o wide",
      exitCode: EXIT.notFound,
    });
  }
  printOne(alert, formatOf(options), () => describeAlert(alert), alert.id);
  if (alert.state === "firing" && alert.ackedBy === undefined) {
    say(`next: ferry alerts ack ${alert.id.slice(0, ID_SHOWN)}`);
  }
}

function describeAlert(alert: AlertView): string {
  return [
    `${MARKS[alert.severity]} ${pc.bold(alert.summary)}`,
    `  ${stateText(alert)} for ${duration(Date.now() - alert.sinceMs)}`,
    `  → ${alert.next}`,
    `  labels  ${Object.entries(alert.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(" ")}`,
  ].join("\n");
}

async function acknowledge(prefix: string, options: RemoteOptions): Promise<void> {
  const { rule, subject } = await clientOf(options).acknowledgeAlert({ params: { alert: prefix } });
  say(`${pc.green("✔")} ${rule} of ${subject} is in your hands: nobody is told of it again until it is over`);
}

interface SilenceOptions extends RemoteOptions {
  readonly for: string;
  readonly comment?: string;
}

async function silenceAlerts(texts: readonly string[], options: SilenceOptions): Promise<void> {
  const { comment } = options;
  const matchers = texts.map(matcherOf);
  const seconds = Math.round(durationMs(options.for) / 1_000);
  const body = { matchers, seconds, ...(comment === undefined ? {} : { comment }) };
  const { silence, alerts } = await clientOf(options).silenceAlerts({ body });
  say(
    `${pc.green("✔")} silence ${silence.id} until ${instant(silence.untilMs)}: ${counted(alerts, "firing alert")} now`,
  );
  say(`next: to end it before, ferry alerts unsilence ${silence.id}`);
}

function matcherOf(text: string): Matcher {
  const matcher = parseMatcher(text);
  if (matcher !== undefined) return matcher;
  throw new FerryError("usage", `${JSON.stringify(text)} does not say which alerts`, {
    hint: "Write label=value or label!=value, such as device=cam-17, rule=hot, site!=oslo; a * at the end stands for anything.",
    exitCode: EXIT.usage,
  });
}

async function unsilenceAlerts(text: string, options: RemoteOptions): Promise<void> {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) {
    throw new FerryError("usage", `${JSON.stringify(text)} is not the number of a silence`, {
      hint: "See them with: ferry alerts list",
      exitCode: EXIT.usage,
    });
  }
  await clientOf(options).unsilenceAlerts({ params: { silence: Number(text) } });
  say(`${pc.green("✔")} silence ${text} has ended`);
}

export async function listRules(options: RemoteCommandOptions): Promise<void> {
  const { rules } = await clientOf(options).listAlertRules({});
  printListing(
    { rows: rules, columns: RULE_COLUMNS, name: ({ rule }) => rule.name, whenEmpty: "No rule." },
    formatOf(options),
  );
}

export const RULE_COLUMNS: readonly Column<RuleView>[] = [
  { title: "RULE", text: ({ rule }) => rule.name },
  { title: "SEVERITY", text: ({ rule }) => rule.severity },
  {
    title: "WHEN",
    text: ({ rule: { metric, is, threshold, match = {} } }) =>
      [`${metric} ${is} ${shownValue(metric, threshold)}`, ...Object.entries(match).map((pair) => pair.join("="))].join(
        ", ",
      ),
  },
  { title: "FOR", text: ({ rule: { forMs } }) => (forMs === 0 ? "at once" : duration(forMs)) },
  { title: "FROM", text: ({ rule, isDefault }) => (rule.enabled ? (isDefault ? "default" : "yours") : "turned off") },
];

/** One rule, what it is about, and what it has found. */
export async function showRule(name: string, options: RemoteCommandOptions): Promise<void> {
  const client = clientOf(options);
  const found = await ruleNamed(client, name);
  const { metrics } = await client.listAlertRules({});
  const { alerts } = await client.listAlerts({});
  const firing = alerts.filter(({ rule, state }) => rule === name && state === "firing");
  const help = metrics.find((metric) => metric.name === found.rule.metric)?.help ?? "";
  printOne(found, formatOf(options), () => describeRule(found, help, firing), name);
}

function describeRule({ rule, isDefault }: RuleView, help: string, firing: readonly AlertView[]): string {
  const { name, metric, is, threshold, forMs, severity, match = {}, enabled, next } = rule;
  const labels = Object.entries(match).map((pair) => pair.join("="));
  return [
    `${MARKS[severity]} ${pc.bold(name)}  ${severity}${enabled ? "" : ", turned off"}`,
    `  when      ${metric} ${is} ${shownValue(metric, threshold)}, ${forMs === 0 ? "at once" : `for ${duration(forMs)}`}`,
    `  metric    ${help}`,
    ...(labels.length === 0 ? [] : [`  only      ${labels.join(", ")}`]),
    ...(next === undefined ? [] : [`  → ${next}`]),
    `  from      ${isDefault ? "the program" : "you"}`,
    `  firing    ${firing.length === 0 ? "nothing now" : firing.map(({ subject }) => subject).join(", ")}`,
  ].join("\n");
}

async function listMetrics(options: RemoteCommandOptions): Promise<void> {
  const { metrics } = await clientOf(options).listAlertRules({});
  const columns: readonly Column<(typeof metrics)[number]>[] = [
    { title: "METRIC", text: ({ name }) => name },
    { title: "UNIT", text: ({ unit }) => unit },
    { title: "OF EACH", text: ({ of }) => of },
    { title: "WHAT", text: ({ help }) => help },
  ];
  printListing({ rows: metrics, columns, name: ({ name }) => name, whenEmpty: "None." }, formatOf(options));
}

async function applyRules(path: string, options: RemoteOptions & { readonly dryRun?: true }): Promise<void> {
  const rules = parseRules(textOf(path), path === "-" ? "standard input" : path);
  if (options.dryRun === true) {
    print(`${counted(rules.length, "rule")}, and no mistake: ${rules.map(({ name }) => name).join(", ")}`);
    return;
  }
  const { names } = await clientOf(options).setAlertRules({ body: { rules: [...rules] } });
  for (const name of names) print(`${pc.green("✔")} rule ${name}`);
  say("next: ferry alerts rules");
}

const STDIN = 0;

function textOf(path: string): string {
  try {
    return readFileSync(path === "-" ? STDIN : path, "utf8");
  } catch (cause) {
    throw new FerryError("file-unreadable", `Cannot read ${path}: ${messageOf(cause)}`, {
      hint: "Give the path of a file of alert rules; examples/alerts has one.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

async function deleteRule(name: string, options: RemoteOptions): Promise<void> {
  await clientOf(options).deleteAlertRule({ params: { rule: name } });
  say(`${pc.green("✔")} rule ${name} is forgotten`);
}

async function testReceivers(options: RemoteCommandOptions): Promise<void> {
  const { receivers } = await clientOf(options).testAlertReceivers({});
  const columns: readonly Column<(typeof receivers)[number]>[] = [
    { title: "RECEIVER", text: ({ name }) => name },
    { title: "URL", text: ({ url }) => url },
    { title: "SIGNED", text: ({ isSigned }) => (isSigned ? "yes" : "no") },
    {
      title: "ANSWER",
      text: ({ problem }) => (problem === undefined ? `${pc.green("✔")} taken` : `${pc.red("✖")} ${problem}`),
    },
  ];
  const whenEmpty =
    "No receiver: name one under alerts.receivers of controller.json, and start ferry up again. docs/MONITORING.md has examples.";
  printListing({ rows: receivers, columns, name: ({ name }) => name, whenEmpty }, formatOf(options));
  if (receivers.length === 0 || receivers.some(({ problem }) => problem !== undefined)) process.exitCode = EXIT.failed;
}
