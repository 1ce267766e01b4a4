/**
 * The power goes at each step of an exchange of the agent's own version: the real launcher, agents and runners, ended together
 * by SIGKILL where a file is moved to its name or removed, and started again as a service manager would.
 */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { arch } from "node:os";
import t, { type Test } from "tap";
import type { DeployedSlot } from "../../../protocol/trust/deployment.ts";
import { bundle, deployed, openBench, type Bench } from "../../support/agent-bench.ts";
import { agentBundle, installedAgent, type Behaviour } from "../../support/agent-versions.ts";
import type { Program } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

/** `scripts/crash-points` asks for all of them; the suite has one for each state. */
const IS_ALL = process.env["FERRY_OWN_STEPS"] === "all";

t.setTimeout(IS_ALL ? 600_000 : 120_000);

/** A step as `die-at.ts` has it, of the agent; or one of the launcher's own, with `mv` and `launcher-rm`. */
interface Cut {
  readonly when: string;
  readonly step: string;
  /** The version that is current by then. */
  readonly then: string;
  readonly isInSuite?: true;
}

interface Exchange {
  readonly to: string;
  readonly behaviour: Behaviour;
  /** In the order in which they come; a version on trial may be started three times in all. */
  readonly cuts: readonly Cut[];
  /** What answers in the end. */
  readonly last: string;
  readonly isInSuite?: true;
}

const OLD = "0.1.0";

/** Of the version that is exchanged, up to the moment in which the other is current. */
function cutsBefore(from: string, to: string): readonly Cut[] {
  const cut = (when: string, step: string, more: Partial<Cut> = {}): Cut => ({ when, step, then: from, ...more });
  return [
    cut("while it is verified", "rename before [0-9a-f]{64}"),
    cut("when its bundle is there", "rename after [0-9a-f]{64}"),
    cut("while it is unpacked", `rename before ${to}-.*`),
    cut("when it is unpacked", `rename after ${to}-.*`, { isInSuite: true }),
    cut("when it is noted what answers", "rename after before\\.json"),
    cut("when the way back is noted", "rename after former"),
    cut("when the trial is noted", "rename after trial"),
    cut("when the link is turned", "rename after current", { isInSuite: true, then: to }),
  ];
}

const EXCHANGES: readonly Exchange[] = [
  {
    to: "0.2.0",
    behaviour: "works",
    cuts: [
      ...cutsBefore(OLD, "0.2.0"),
      { when: "as its start is counted", step: "mv after trial", then: "0.2.0" },
      { when: "when it waits for its controller", step: "rename after waiting", then: "0.2.0", isInSuite: true },
      { when: "as the trial ends", step: "rm after trial", then: "0.2.0", isInSuite: true },
    ],
    last: "0.2.0",
    isInSuite: true,
  },
  {
    to: "0.3.0",
    behaviour: "hangs",
    cuts: [
      { when: "when the launcher noted why it goes back", step: "mv after taken-back", then: "0.3.0" },
      { when: "when the launcher turned the link back", step: "mv after current", then: "0.2.0", isInSuite: true },
      { when: "as the launcher ends the trial", step: "launcher-rm before trial", then: "0.2.0" },
    ],
    last: "0.2.0",
    isInSuite: true,
  },
  {
    to: "0.4.0",
    behaviour: "loses-models",
    cuts: [
      { when: "when it noted why it goes back", step: "rename after taken-back", then: "0.4.0" },
      { when: "when it turned the link back", step: "rename after current", then: "0.2.0" },
    ],
    last: "0.2.0",
  },
  {
    to: "0.5.0",
    behaviour: "works",
    cuts: [
      { when: "when it is well", step: "rename after healthy", then: "0.5.0" },
      { when: "when its evidence is noted", step: "rename after 0\\.5\\.0-.*\\.json", then: "0.5.0" },
    ],
    last: "0.5.0",
  },
];

t.test("wherever the power goes while a version is exchanged, one whole version answers, and goes on", async (t) => {
  await using bench = await openBench(t);
  const { director, slot } = bench;
  const program = await installedAgent(t.testdirName, OLD);
  const path = pathWithLauncherSteps(t);
  const first = bench.launch(program);
  const digits = deployed(director, await bundle(t, "1.0.0"));
  await director.deploy([digits]);
  await slot("the model answers", ({ phase }) => phase === "committed");
  await first.stop();

  for (const { to, behaviour, cuts, last } of EXCHANGES.filter(({ isInSuite }) => IS_ALL || isInSuite)) {
    const env = { PATH: path, ...(behaviour === "hangs" ? { FERRY_AGENT_HEALTHY_SECONDS: "1" } : {}) };
    const start = (step = "") => {
      director.silent = true;
      return bench.launch(program, { ...env, FERRY_TEST_DIE_AT: step });
    };
    const wish = deployed(director, await agentBundle(t.testdirName, to, behaviour));
    await director.deploy([digits, wish]);
    for (const { when, step, then } of cuts.filter(({ isInSuite }) => IS_ALL || isInSuite)) {
      const agent = start(step);
      if (await answersFirst(t, bench, agent)) await director.answerLate();
      await until(`the power goes in ${to} ${when}`, () => !agent.running()).catch((thrown: unknown) => {
        throw new Error(`${String(thrown)}; the agent said:\n${agent.output()}`);
      });
      t.equal(wholeVersion(t, program), then, `${to}, ${when}: what is current is whole`);
    }
    const agent = start();
    t.ok(await answersFirst(t, bench, agent), `${to}: it answers in the end`);
    await director.answerLate();
    await settles(t, bench, { wish, isGood: last === to });
    t.equal(wholeVersion(t, program), last);
    t.equal(director.info()?.agentVersion, last);
    t.equal(await bench.version(), "1.0.0");
    await agent.stop();
  }
});

/** Whether it answers, with the model that was good, before its power goes. */
async function answersFirst(t: Test, { version }: Bench, agent: Program): Promise<boolean> {
  const answered = await until("it answers", async () => {
    return agent.running() ? await version().catch(() => undefined) : "its power has gone";
  });
  if (!agent.running()) return false;
  t.equal(answered, "1.0.0", "the model answers without a word of the controller");
  return true;
}

async function settles(t: Test, { slotOf }: Bench, { wish, isGood }: { wish: DeployedSlot; isGood: boolean }) {
  const report = await slotOf("ferry-agent", `${wish.version} has come to its end`, ({ phase, desired }) => {
    return desired === wish.statement && phase === (isGood ? "committed" : "failed");
  });
  if (isGood) t.equal(report.active?.statement, wish.statement);
  else t.match(report.refusal, { code: "agent-unhealthy", message: /was started here and taken back: / });
}

/** The version that is current; throws where a file of its build is missing or another. */
function wholeVersion(t: Test, program: string): string {
  const name = basename(readlinkSync(join(program, "current")));
  const version = name.replace(/-[0-9a-f]{16}$/, "");
  const build = join(t.testdirName, `dist-${version}`, `linux-${arch()}`, "ferry-agent");
  for (const file of readdirSync(build, { recursive: true, encoding: "utf8" })) {
    if (file === "native") continue;
    const isSame = readFileSync(join(build, file)).equals(readFileSync(join(program, "versions", name, file)));
    if (!isSame) throw new Error(`${name}/${file} is not what was built`);
  }
  return version;
}

/** The launcher is a shell script: the programs by which it moves and removes files end it where the test says. */
function pathWithLauncherSteps(t: Test): string {
  const folder = join(t.testdirName, "steps");
  mkdirSync(folder);
  for (const [name, step] of [
    ["mv", "mv"],
    ["rm", "launcher-rm"],
  ] as const) {
    const dies = (when: string) =>
      `for file; do [ "$FERRY_TEST_DIE_AT" != "${step} ${when} \${file##*/}" ] || kill -KILL 0; done`;
    const script = `#!/bin/sh\n${dies("before")}\n/bin/${name} "$@" || exit\n${dies("after")}\n`;
    writeFileSync(join(folder, name), script, { mode: 0o755 });
  }
  return `${folder}:${process.env["PATH"] ?? ""}`;
}
