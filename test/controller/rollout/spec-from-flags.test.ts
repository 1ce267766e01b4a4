import t from "tap";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { parseRolloutFile } from "../../../controller/rollout/parse-rollout-file.ts";
import { specFromFlags, type SpecFlags } from "../../../controller/rollout/spec-from-flags.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";

const subject = { model: "digits" as ModelName, version: "1.4.0" as ModelVersion, selector: "site=oslo" };

t.test("without flags it is the default of everything", async (t) => {
  t.same(specFromFlags(subject, {}, 0), completeSpec(subject));
});

t.test("a split and a shadow are modes, and only one of them", async (t) => {
  t.match(specFromFlags(subject, { split: "10%" }, 0), { mode: { kind: "split", share: 0.1 } });
  t.match(specFromFlags(subject, { shadow: true }, 0), { mode: { kind: "shadow", share: 1 } });
  t.match(specFromFlags(subject, { shadow: "50%" }, 0), { mode: { kind: "shadow", share: 0.5 } });
  for (const flags of [{ split: "0%" }, { split: "100%" }, { split: "much" }, { shadow: "0%" }, { shadow: "101%" }]) {
    t.throws(() => specFromFlags(subject, flags, 0), { code: "usage" }, JSON.stringify(flags));
  }
  t.throws(() => specFromFlags(subject, { split: "10%", shadow: true }, 0), { code: "usage", message: /two ways/ });
});

t.test("flags and a file say the same", async (t) => {
  const flags: SpecFlags = {
    name: "digits-1-4",
    follow: true,
    stages: "5%,25%, 100%",
    soak: "10m",
    approval: "100%",
    gate: ["error_rate<=1%", "latency_p95_ms <= 1.2x", "agreement_top1>=98%,n>=200", "crashes<=0.5"],
    abortIfFailed: "2%",
    abortMinDevices: "5",
    then: "pause",
    rate: "100/m",
    concurrent: "50",
    window: "0 2 * * * for 3h in Europe/Oslo",
    deploymentTimeout: "30m",
    gateTimeout: "2h",
    retries: "1",
    quorum: "95%",
    priority: "-3",
    deviceSoak: "2m",
    param: ["threshold=0.6", "most=10"],
    allowInterfaceChange: true,
  };
  const file = `apiVersion: modelferry/v1
kind: Rollout
metadata: { name: digits-1-4 }
spec:
  bundle: digits@1.4.0
  selector: site=oslo
  follow: true
  stages:
    - { take: 5%, soak: 10m }
    - { take: 25%, soak: 10m }
    - { take: 100%, soak: 10m, approval: required }
  gates:
    - { metric: error_rate, max: 1% }
    - { metric: latency_p95_ms, maxRatio: 1.2 }
    - { metric: agreement_top1, min: 98%, minSamples: 200 }
    - { metric: crashes, max: 0.5 }
  abort: { failed: 2%, minDevices: 5, then: pause }
  rate: { perMinute: 100, concurrent: 50 }
  window: { cron: "0 2 * * *", duration: 3h, timezone: Europe/Oslo }
  timeouts: { deployment: 30m, gate: 2h }
  retries: 1
  quorum: 95%
  priority: -3
  deviceSoak: 2m
  params: { threshold: 0.6, most: 10 }
  allowInterfaceChange: true
`;
  t.match(parseRolloutFile(file, "r.yaml", 0), [{ spec: specFromFlags(subject, flags, 0) }]);
});

t.test("a rollout that soaks has the usual gates, unless it is told to have others or none", async (t) => {
  t.ok(specFromFlags(subject, { soak: "10m" }, 0).gates.length > 0);
  t.match(specFromFlags(subject, { soak: "10m", gate: ["crashes<=5"] }, 0).gates, [{ metric: "crashes", max: 5 }]);
  t.same(specFromFlags(subject, { soak: "10m", gate: ["none"] }, 0).gates, []);
});

const approvals: readonly (readonly [approval: string | true, stages: string, required: readonly string[]])[] = [
  [true, "5%,25%,100%", ["25%", "100%"]],
  [true, "100%", ["100%"]],
  ["25%,100%", "5%,25%,100%", ["25%", "100%"]],
  ["3 devices", "3,100%", ["3 devices"]],
];
for (const [approval, stages, required] of approvals) {
  t.test(`--approval ${approval} of ${stages} is asked before ${required.join(" and ")}`, async (t) => {
    const spec = specFromFlags(subject, { approval, stages }, 0);
    t.same(
      spec.stages.filter((stage) => stage.approval === "required").map(({ name }) => name),
      required,
    );
  });
}

const mistakes: readonly (readonly [flags: SpecFlags, says: RegExp])[] = [
  [{ stages: "5%,half" }, /^--stages: "half" cannot be read$/],
  [{ stages: "5%,120%" }, /^--stages: "120%" cannot be read$/],
  [{ stages: "25%,5%,100%" }, /--stages: 5% is not more than 25%/],
  [{ stages: "5%,25%" }, /--stages: the last stage takes 25%/],
  [{ soak: "10" }, /^--soak: "10" cannot be read$/],
  [{ soak: "30d" }, /--soak: 30d is too much: at most 7d/],
  [{ approval: "50%", stages: "5%,100%" }, /^--approval: "50%" cannot be read$/],
  [{ gate: ["error_rate"] }, /^--gate: "error_rate" cannot be read$/],
  [{ gate: ["latency_p95_ms>=1.2x"] }, /^--gate: /],
  [{ gate: ["error_rate<=1.2.3"] }, /^--gate: /],
  [{ gate: ["eror_rate<=1%"] }, /--gate: there is no metric "eror_rate"; there are error_rate/],
  [{ gate: ["error_rate<=5"] }, /--gate: the limit of "error_rate" is a share/],
  [{ abortIfFailed: "2" }, /^--abort-if-failed: "2" cannot be read$/],
  [{ abortIfFailed: "100%" }, /--abort-if-failed: more than 100% can never fail/],
  [{ abortIfFailed: "2%", then: "panic" }, /^--then: "panic" cannot be read$/],
  [{ then: "pause" }, /and not when$/],
  [{ rate: "fast" }, /^--rate: "fast" cannot be read$/],
  [{ rate: "0/m" }, /--rate: 0 is too little: at least 1/],
  [{ concurrent: "0" }, /--concurrent: 0 is too little: at least 1/],
  [{ window: "0 2 * * *" }, /^--window: "0 2 \* \* \*" cannot be read$/],
  [{ window: "0 2 * * * for 3h in Oslo" }, /--window: there is no time zone "Oslo"/],
  [{ retries: "many" }, /^--retries: "many" cannot be read$/],
  [{ retries: "99" }, /--retries: 99 is too much: at most 10/],
  [{ priority: "99999" }, /--priority: 99999 is too much/],
  [{ quorum: "all" }, /^--quorum: "all" cannot be read$/],
  [{ name: "Digits" }, /--name: "Digits" has characters/],
  [{ deploymentTimeout: "30d" }, /--deployment-timeout: 30d is too much/],
  [{ param: ["threshold"] }, /^--param: "threshold" cannot be read$/],
  [{ param: ["threshold=high"] }, /^--param: "threshold=high" cannot be read$/],
  [{ param: ["a=1", "a=2"] }, /^--param sets a twice$/],
  [{ deviceSoak: "soon" }, /^--device-soak: "soon" cannot be read$/],
];
for (const [flags, says] of mistakes) {
  t.test(`${JSON.stringify(flags)} is refused by the flag's name`, async (t) => {
    t.throws(() => specFromFlags(subject, flags, 0), { exitCode: 2, message: says });
  });
}
