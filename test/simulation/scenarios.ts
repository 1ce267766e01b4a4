/** The stories that are simulated: who is there, what people do, and how it has to end. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { RolloutRequest } from "../../controller/rollout/rollout-spec.ts";
import type { Fault } from "./faults.ts";
import { between, randomFor } from "./random.ts";
import { randomFaults, ROUGH, type FaultMix } from "./random-faults.ts";
import { START_MS, type Action, type Scenario } from "./scenario.ts";
import { requireAllServe, requireNoBytes, requireReach, requireStates } from "./story-ends.ts";
import { virtualBundle, type Behaviour, type VirtualBundle } from "./virtual-bundle.ts";
import type { DevicePlan } from "./virtual-device.ts";

export type Story = (seed: number, devices: number) => Scenario;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** After the last fault: for what waits until tomorrow, and for devices that ask every six hours. */
const CALM_MS = 26 * HOUR_MS;

const [one, two, three, four] = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"].map((version) => virtualBundle({ version })) as [
  VirtualBundle,
  VirtualBundle,
  VirtualBundle,
  VirtualBundle,
];

/** What a version can have that the one before it has not. */
const BAD: readonly Behaviour[] = [
  { kind: "fails-self-test", share: 1 },
  { kind: "fails-self-test", share: 0.4 },
  { kind: "unsigned" },
  { kind: "nan", share: 0.05 },
  { kind: "errors", share: 0.2 },
  { kind: "crashes", everyMs: 700 },
  { kind: "slow", factor: 4 },
  // What no device can see by itself, and the gates of a stage can.
  { kind: "slow", factor: 1.5 },
  { kind: "errors", share: 0.03 },
  { kind: "disagrees", share: 0.1 },
  { kind: "disagrees", share: 0.05 },
];

const CAUTIOUS: Caution = {
  stages: [stage("canary", 0.05, 10), stage("quarter", 0.25, 10), stage("all", 1, 0)],
  gates: [
    { metric: "error_rate", max: 0.01 },
    { metric: "latency_p95_ms", maxRatio: 1.2 },
    { metric: "agreement_top1", min: 0.98 },
  ],
  abort: { failedShareMax: 0.1, devicesMin: 3, then: "rollback" },
  // Long enough for applications to have asked often.
  deviceSoakMs: 5 * MINUTE_MS,
};

/** How a version soaks, by the seed: as what answers, beside it with a share, or as its shadow. */
function modeOf(seed: number): Pick<RolloutRequest, "mode"> {
  const modes = [{}, { mode: { kind: "split", share: 0.2 } }, { mode: { kind: "shadow", share: 1 } }] as const;
  return modes[seed % modes.length] ?? {};
}

type Caution = Required<Pick<RolloutRequest, "stages" | "gates" | "abort" | "deviceSoakMs">>;

function stage(name: string, share: number, soakMinutes: number) {
  const take = { kind: "share" as const, share, min: 2 };
  return { name, take, soakMs: soakMinutes * MINUTE_MS, approval: "none" as const };
}

/** A good version goes through its stages, whatever happens to the devices. */
const staged: Story = (seed, devices) =>
  story("staged", seed, {
    devices: fleet(seed, devices),
    actions: [
      create(10 * MINUTE_MS, one),
      create(2 * HOUR_MS, two, {
        ...CAUTIOUS,
        ...modeOf(seed),
        abort: { failedShareMax: 0.1, devicesMin: 3, then: "pause" },
      }),
      ...patience(2, 3 * HOUR_MS, DAY_MS),
    ],
    mix: ROUGH,
    faultsMs: DAY_MS,
    expect: ({ world }) => {
      requireAllServe(world, two);
    },
  });

/** A bad version is found out by the first few, and everybody goes back without a download. */
const bad: Story = (seed, devices) => {
  const behaviour = BAD[seed % BAD.length] ?? { kind: "good" };
  const culprit = virtualBundle({ version: "2.0.0", behaviour });
  return story("bad", seed, {
    devices: fleet(seed, devices),
    bundles: [one, culprit],
    actions: [create(10 * MINUTE_MS, one), create(DAY_MS, culprit, { ...CAUTIOUS, ...modeOf(seed) })],
    mix: { offline: 0.1, powerCut: 0.1, deadClock: 0.2, lossy: 0.1 },
    faultsMs: 2 * DAY_MS,
    expect: ({ world, rollouts }) => {
      requireStates(rollouts, ["completed", "rolled-back"]);
      requireAllServe(world, one);
      requireReach(world, culprit, Math.max(2, Math.ceil(0.25 * devices)));
      requireNoBytes(world, one, one.slot.archive.length * devices);
    },
  });
};

/** A person takes a version back that everybody has, some of them while they are away. */
const rollback: Story = (seed, devices) =>
  story("rollback", seed, {
    devices: fleet(seed, devices),
    actions: [
      create(10 * MINUTE_MS, one),
      create(3 * HOUR_MS, two),
      { kind: "rollback", atMs: 12 * HOUR_MS, rollout: 2 },
    ],
    mix: { offline: 0.4, powerCut: 0.2, powerOff: 0.2, deadClock: 0.2, lossy: 0.1 },
    faultsMs: 2 * DAY_MS,
    expect: ({ world, rollouts }) => {
      requireStates(rollouts, ["completed", "rolled-back"]);
      requireAllServe(world, one);
      requireNoBytes(world, one, one.slot.archive.length * devices);
    },
  });

/** A third of the fleet is away for two months, with clocks that stand at 1970 or far ahead when it comes back. */
const away: Story = (seed, devices) => {
  const plans = fleet(seed, devices);
  const absent = plans.filter((_, at) => at % 10 < 3);
  const faults = absent.flatMap(({ id }, at): Fault[] => [
    { kind: "offline", device: id, fromMs: START_MS + 6 * HOUR_MS, untilMs: START_MS + 60 * DAY_MS },
    { kind: "power-off", device: id, atMs: START_MS + 59 * DAY_MS + at * 1_000, offMs: HOUR_MS },
    { kind: "clock", device: id, system: at % 2 === 0 ? "1970" : "ahead" },
  ]);
  return {
    ...story("away", seed, {
      devices: plans,
      actions: [create(10 * MINUTE_MS, one), create(10 * HOUR_MS, two, CAUTIOUS), create(30 * DAY_MS, three, CAUTIOUS)],
      mix: {},
      faultsMs: 60 * DAY_MS,
      expect: ({ world, rollouts }) => {
        requireStates(rollouts, ["completed", "superseded", "completed"], ["completed", "completed", "completed"]);
        requireAllServe(world, three);
      },
    }),
    faults,
    heartbeatMs: 6 * HOUR_MS,
    tickMs: 10 * MINUTE_MS,
  };
};

/** Rollouts overtake each other; one of higher priority keeps its devices. */
const overtaking: Story = (seed, devices) => {
  const random = randomFor(seed, "overtaking");
  const within = () => Math.floor(between(random, 5 * MINUTE_MS, 3 * HOUR_MS));
  return story("overtaking", seed, {
    devices: fleet(seed, devices),
    actions: [
      create(10 * MINUTE_MS, one),
      create(2 * HOUR_MS, two, { selector: "site=oslo", priority: 5, ...CAUTIOUS, abort: null }),
      create(2 * HOUR_MS + within(), three, { ...CAUTIOUS, abort: null }),
      create(6 * HOUR_MS + within(), four, { selector: "site=bergen" }),
    ],
    mix: { ...ROUGH, bitRot: 0 },
    faultsMs: DAY_MS,
    expect: ({ world }) => {
      requireAllServe(world, four, "bergen");
    },
  });
};

/** Devices come after the rollout has begun, and after it has completed. */
const following: Story = (seed, devices) => {
  const random = randomFor(seed, "following");
  const plans = fleet(seed, devices).map((plan, at) =>
    at % 2 === 0 ? plan : { ...plan, fromMs: START_MS + Math.floor(random() * DAY_MS) },
  );
  return story("following", seed, {
    devices: plans,
    actions: [create(10 * MINUTE_MS, one, { selector: "", follow: true })],
    mix: { ...ROUGH, offline: 0.1 },
    faultsMs: DAY_MS,
    expect: ({ world }) => {
      requireAllServe(world, one);
    },
  });
};

/** People change their minds. */
const verbs: Story = (seed, devices) => {
  const random = randomFor(seed, "verbs");
  const says: Action[] = [];
  for (let atMs = 2 * HOUR_MS; atMs < 20 * HOUR_MS; atMs += between(random, 10 * MINUTE_MS, 2 * HOUR_MS)) {
    const at = Math.floor(atMs);
    if (random() < 0.5) says.push({ kind: random() < 0.5 ? "pause" : "resume", atMs: at, rollout: 2 });
    else says.push({ kind: "approve", atMs: at, rollout: 2, by: random() < 0.5 ? "ada" : "grace" });
  }
  const last = random() < 0.3 ? "abort" : "rollback";
  const approved = CAUTIOUS.stages.map((one) => ({ ...one, approval: "required" as const }));
  return story("verbs", seed, {
    devices: fleet(seed, devices),
    actions: [
      create(10 * MINUTE_MS, one),
      create(2 * HOUR_MS, two, { ...CAUTIOUS, stages: approved }),
      ...says,
      ...(random() < 0.5 ? [{ kind: last, atMs: 21 * HOUR_MS, rollout: 2 } as const] : []),
    ],
    mix: ROUGH,
    faultsMs: DAY_MS,
    expect: () => undefined,
  });
};

/** Only at night, and not too many at a time. */
const nightly: Story = (seed, devices) =>
  story("nightly", seed, {
    devices: fleet(seed, devices),
    actions: [
      create(10 * MINUTE_MS, one),
      create(12 * HOUR_MS, two, {
        window: { cron: "0 2 * * *", durationMs: 2 * HOUR_MS, timezone: "Europe/Oslo" },
        rate: { perMinute: Math.max(2, Math.ceil(devices / 50)), concurrent: Math.max(5, Math.ceil(devices / 10)) },
        retries: 5,
      }),
    ],
    mix: { ...ROUGH, bitRot: 0 },
    faultsMs: DAY_MS,
    calmMs: 3 * DAY_MS,
    expect: ({ world }) => {
      requireAllServe(world, two);
    },
  });

/** Several models change with one deployment, all or none; some of them are bad. */
const together: Story = (seed, devices) => {
  const random = randomFor(seed, "together");
  const names = ["digits", "faces", "speech"];
  const pick = <T>(some: readonly T[]): T | undefined => some[Math.floor(random() * some.length)];
  const versions = names.map((name) =>
    ["1.0.0", "2.0.0", "3.0.0", "4.0.0"].map((version, at) => {
      const behaviour = at === 0 || random() < 0.4 ? undefined : pick([...BAD, { kind: "hangs" } as const]);
      return virtualBundle({ name, version, ...(behaviour === undefined ? {} : { behaviour }) });
    }),
  );
  const firsts = versions.flatMap((some) => some.slice(0, 1));
  const actions: Action[] = [{ kind: "wish", atMs: 10 * MINUTE_MS, bundles: firsts }];
  for (let atMs = HOUR_MS; atMs < DAY_MS; atMs += between(random, MINUTE_MS, 6 * HOUR_MS)) {
    const bundles = versions.flatMap((some) => (random() < 0.85 ? (pick(some) ?? []) : []));
    actions.push({ kind: "wish", atMs: Math.floor(atMs), bundles });
  }
  return story("together", seed, {
    devices: fleet(seed, devices),
    bundles: versions.flat(),
    actions,
    mix: { ...ROUGH, powerCut: 0.8, powerOff: 0.5 },
    faultsMs: DAY_MS,
    calmMs: 2 * DAY_MS,
    expect: () => undefined,
  });
};

export const STORIES: ReadonlyMap<string, Story> = new Map(
  Object.entries({ staged, bad, rollback, away, overtaking, following, verbs, nightly, together }),
);

interface Plot {
  readonly devices: readonly DevicePlan[];
  readonly bundles?: readonly VirtualBundle[];
  readonly actions: readonly Action[];
  readonly mix: FaultMix;
  readonly faultsMs: number;
  readonly calmMs?: number;
  readonly expect: Scenario["expect"];
}

function story(name: string, seed: number, plot: Plot): Scenario {
  const { devices, bundles = [one, two, three, four], actions, mix, faultsMs, calmMs = CALM_MS, expect } = plot;
  const ids = devices.map(({ id }) => id);
  return {
    name,
    seed,
    devices,
    bundles,
    actions,
    faults: randomFaults({ seed, devices: ids, mix }, faultsMs),
    endMs: faultsMs + calmMs,
    heartbeatMs: 30 * MINUTE_MS,
    tickMs: MINUTE_MS,
    expect,
  };
}

function fleet(seed: number, count: number): readonly DevicePlan[] {
  return Array.from({ length: count }, (_, at): DevicePlan => {
    const id = `device-${String(at)}` as DeviceId;
    const random = randomFor(seed, `plan ${id}`);
    // From a satellite to a cable.
    const bytesPerSecond = 2_000 * 10 ** between(random, 0, 3);
    const site = random() < 0.5 ? "oslo" : "bergen";
    return { id, labels: { site }, bytesPerSecond, fromMs: START_MS + Math.floor(random() * 5 * MINUTE_MS) };
  });
}

function create(atMs: number, { model }: VirtualBundle, more: Partial<RolloutRequest> = {}): Action {
  const request: RolloutRequest = { model: model.name, version: model.version, ...more };
  return { kind: "create", atMs, author: "ada", request };
}

/** Somebody looks in now and then, and lets a rollout go on that has paused. */
function patience(rollout: number, fromMs: number, untilMs: number): readonly Action[] {
  const looks = Math.ceil((untilMs + DAY_MS - fromMs) / (2 * HOUR_MS));
  return Array.from(
    { length: looks },
    (_, at) => ({ kind: "resume", atMs: fromMs + at * 2 * HOUR_MS, rollout }) as const,
  );
}
