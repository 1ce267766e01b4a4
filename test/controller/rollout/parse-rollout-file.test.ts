import t from "tap";
import { FerryError } from "../../../common/ferry-error.ts";
import { parseRolloutFile } from "../../../controller/rollout/parse-rollout-file.ts";

const NOW_MS = Date.parse("2026-11-21T10:00Z");

const design = `apiVersion: modelferry/v1
kind: Rollout
metadata: { name: digits-1-4 }
spec:
  bundle: digits@1.4.0
  selector: "site in (oslo, bergen), !frozen"
  stages:
    - { name: canary, take: 5%, min: 2, soak: 10m, approval: none }
    - { take: 25%, soak: 10m }
    - { take: 100%, approval: required }
  gates:
    - { metric: error_rate, max: 1% }
    - { metric: latency_p95_ms, maxRatio: 1.2 }
    - { metric: agreement_top1, min: 98%, minSamples: 200 }
  abort: { failed: 2%, minDevices: 5, then: rollback }
  rate: { perMinute: 100, concurrent: 50 }
  window: { cron: "0 2 * * *", duration: 3h, timezone: Europe/Oslo }
  timeouts: { deployment: 30m }
  retries: 2
`;

t.test("a rollout file becomes a whole specification", async (t) => {
  const [rollout] = parseRolloutFile(design, "r.yaml", NOW_MS);
  t.match(rollout, {
    kind: "Rollout",
    name: "digits-1-4",
    spec: {
      name: "digits-1-4",
      model: "digits",
      version: "1.4.0",
      selector: "site in (oslo, bergen), !frozen",
      stages: [
        { name: "canary", take: { kind: "share", share: 0.05, min: 2 }, soakMs: 600_000, approval: "none" },
        { name: "25%", take: { kind: "share", share: 0.25, min: 1 }, soakMs: 600_000, approval: "none" },
        { name: "100%", take: { kind: "share", share: 1, min: 1 }, soakMs: 0, approval: "required" },
      ],
      gates: [{ max: 0.01 }, { maxRatio: 1.2 }, { min: 0.98, minSamples: 200 }],
      abort: { failedShareMax: 0.02, devicesMin: 5, then: "rollback" },
      window: { durationMs: 10_800_000 },
      deploymentMsMax: 1_800_000,
      quorum: 0.98,
    },
  });
});

t.test("a file has several documents, of rollouts and groups, and may end with an empty one", async (t) => {
  const group = "apiVersion: modelferry/v1\nkind: Group\nmetadata: { name: cams }\nspec: { selector: camera }\n";
  const resources = parseRolloutFile(`${group}---\n${design}---\n`, "r.yaml", NOW_MS);
  t.same(
    resources.map(({ kind, name }) => `${kind} ${name}`),
    ["Group cams", "Rollout digits-1-4"],
  );
});

/** What the message says when a part of the file above is written in another way. */
const mistakes: readonly (readonly [written: string, instead: string, says: RegExp])[] = [
  ["stages:", "stagse:", /line 7: there is no field "stagse"; did you mean stages\?/],
  ["retries: 2", "colour: blue", /line 19: there is no field "colour"; there are bundle, selector, devices/],
  [
    "soak: 10m, approval",
    "soak: 10 min, approval",
    /line 8, spec.stages\[0\].soak: "10 min" is not a time; write it as/,
  ],
  [
    "approval: required",
    "approval: require",
    /line 10, spec.stages\[2\].approval: "require" is none of none, required; did/,
  ],
  ["take: 25%", "take: 3%", /line 9, spec.stages\[1\].take: 3% is not more than 5% of a stage before/],
  ["take: 100%", "take: 90%", /line 10, spec.stages\[2\].take: the last stage takes 90%, so the rest would never/],
  ["take: 25%", "take: 0.25", /line 9, spec.stages\[1\].take: 0.25 is neither a share \(5%\) nor a number of devices/],
  ["take: 25%", "take: 125%", /line 9, spec.stages\[1\].take: "125%" is not a share/],
  ["{ take: 25%", "{ take: 25%, selector: lab", /line 9, spec.stages\[1\]: give either take or selector/],
  ["{ take: 25%,", "{", /line 9, spec.stages\[1\]: take is missing/],
  ["take: 25%", "take: 25, min: 3", /line 9, spec.stages\[1\].min: a least number goes only with a share/],
  ["take: 25%", "take: 25%, name: canary", /line 9, spec.stages\[1\].name: there is a stage "canary" before/],
  [
    "error_rate,",
    "eror_rate,",
    /line 12, spec.gates\[0\]: there is no metric "eror_rate"; there are error_rate, .*crashes/,
  ],
  ["max: 1%", "max: 1 percent", /line 12, spec.gates\[0\].max: "1 percent" is neither a number nor 5%/],
  ["error_rate, max: 1%", "error_rate", /line 12, spec.gates\[0\]: the gate on "error_rate" has no limit/],
  ["failed: 2%", "failed: 100%", /line 15, spec.abort.failed: more than 100% can never fail/],
  ["{ failed: 2%, ", "{ ", /line 15, spec.abort: failed is missing/],
  ["perMinute: 100", "perMinute: 0", /line 16, spec.rate.perMinute: 0 is too little: at least 1/],
  ["perMinute: 100", "perMinute: many", /line 16, spec.rate.perMinute: "many" is not a whole number/],
  ['"0 2 * * *"', '"0 26 * * *"', /line 17, spec.window.cron: "26" is no hour/],
  ["duration: 3h", "duration: 24h", /line 17, spec.window.duration: .*never closes/],
  ["Europe/Oslo", "Europe/Osl", /line 17, spec.window.timezone: there is no time zone "Europe\/Osl"/],
  ["deployment: 30m", "deployment: 30d", /line 18, spec.timeouts.deployment: 30d is too much: at most 7d/],
  ["retries: 2", "retries: 200", /line 19, spec.retries: 200 is too much: at most 10/],
  ["bundle: digits@1.4.0", "bundle: digits", /line 5, spec.bundle: "digits" is not NAME@VERSION/],
  ["  bundle: digits@1.4.0\n", "", /line 5, spec: bundle is missing/],
  ["!frozen", "!!frozen", /line 6, spec.selector: .*character 26: expected a label key/],
  ["retries: 2", "devices: [cam-1]", /line 19, spec.devices: give either a selector or devices/],
  [
    'selector: "site in (oslo, bergen), !frozen"',
    "devices: [Cam 1]",
    /line 6, spec.devices\[0\]: "Cam 1" is not the id/,
  ],
  [
    'selector: "site in (oslo, bergen), !frozen"',
    "devices: [cam-1]\n  follow: true",
    /line 7, spec.follow: .*cannot be followed/,
  ],
  ["name: digits-1-4", "name: Digits 1.4", /line 3, metadata.name: "Digits 1.4" has characters/],
  ["name: digits-1-4", "nam: digits", /line 3: there is no field "nam"; did you mean name\?/],
  [
    "kind: Rollout",
    "kind: Rolout",
    /line 2, kind: "Rolout" is none of Rollout, Experiment, Group, Alert, Schedule; did you mean Rollout\?/,
  ],
  ["modelferry/v1", "modelferry/v2", /line 1, apiVersion: "modelferry\/v2" is none of modelferry\/v1/],
  ["spec:", "spec: { a: ", /line \d+: .*/],
  ["stages:", "stages: &x\n    - *x\n  gates:", /line \d+/],
];

for (const [written, instead, says] of mistakes) {
  t.test(`${JSON.stringify(instead)} for ${JSON.stringify(written)} is named with its line`, async (t) => {
    // In UTC every day has 24 hours.
    const text = design.replace(written, instead).replace(/24h, timezone: .*\}/, "24h, timezone: UTC }");
    t.not(text, design);
    t.match(messageOf(text), says);
  });
}

t.test("everything that is wrong is said at once, up to a bound", async (t) => {
  const text = design
    .replace("soak: 10m", "soak: x")
    .replace("retries: 2", "retries: two")
    .replace("min: 98%", "mni: 98%");
  t.match(messageOf(text), /line 8, [^]*line 14[^]*did you mean min[^]*line 19/);
  const many = Array.from({ length: 30 }, (_, at) => `  x${at}: 1`).join("\n");
  t.match(messageOf(`${design}${many}`), /… and 10 more/);
});

t.test("an empty file, a list, and one that is too large say so", async (t) => {
  t.match(messageOf(""), /there is nothing in it/);
  t.match(messageOf("# only a remark\n"), /there is nothing in it/);
  t.match(messageOf("- a\n"), /is not a list of fields: apiVersion/);
  t.match(messageOf(" ".repeat(1_000_001)), /more than 1000000 characters/);
  t.match(messageOf("---\na: 1\n".repeat(101)), /more than 100 documents/);
});

t.test("aliases that grow without bound are refused", async (t) => {
  const layer = (name: string, of: string) =>
    `${name}: &${name} [${Array.from({ length: 9 }, () => `*${of}`).join(",")}]\n`;
  const bomb = `a: &a [x]\n${layer("b", "a")}${layer("c", "b")}${layer("d", "c")}${layer("e", "d")}`;
  t.match(messageOf(bomb), /alias/i);
});

t.test("two resources of one name are refused", async (t) => {
  t.match(messageOf(`${design}---\n${design}`), /it has Rollout digits-1-4 twice/);
});

t.test("a group's name and selector are checked", async (t) => {
  const group = (name: string, selector: string) =>
    `apiVersion: modelferry/v1\nkind: Group\nmetadata: { name: ${name} }\nspec: { selector: "${selector}" }\n`;
  t.match(messageOf(group("Cams", "camera")), /line 3, metadata.name: a group's name/);
  t.match(messageOf(group("cams", "site=")), /line 4, spec.selector: .*expected a label value/);
});

t.test("alert rules and schedules are checked where they stand", async (t) => {
  const alert = (spec: string, name = "hot") =>
    `apiVersion: modelferry/v1\nkind: Alert\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
  const schedule = (spec: string) =>
    `apiVersion: modelferry/v1\nkind: Schedule\nmetadata: { name: monday }\nspec: ${spec}\n`;
  const sound = '{ metric: temperature_celsius, is: ">", threshold: 70, severity: warning }';
  t.match(parseRolloutFile(`${alert(sound)}---\n${schedule('{ cron: "0 7 * * 1", report: fleet }')}`, "r", NOW_MS), [
    { kind: "Alert", name: "hot", spec: { name: "hot", threshold: 70, enabled: true } },
    { kind: "Schedule", name: "monday", spec: { name: "monday", timezone: "UTC", formats: ["html"] } },
  ]);
  t.match(messageOf(alert(sound, "Hot")), /line 3, metadata.name: "Hot" is no name/);
  t.match(
    messageOf(alert(sound.replace("temperature_celsius", "temperature"))),
    /line 4, spec.metric: "temperature" is none of/,
  );
  t.match(messageOf(schedule('{ cron: "0 26 * * *", report: fleet }')), /line 4, spec.cron: "26" is no hour/);
  t.match(messageOf(schedule("{ report: fleet }")), /line 4, spec: cron is missing/);
});

function messageOf(text: string): string {
  try {
    parseRolloutFile(text, "r.yaml", NOW_MS);
  } catch (thrown) {
    if (thrown instanceof FerryError && thrown.code === "bad-file") return thrown.message;
    throw thrown;
  }
  return "nothing is wrong";
}
