/** An agent, as a process, that loses its power at every turn. */
import { watch, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import t from "tap";
import { agentFolder } from "../../agent/config.ts";
import { bundle, deployed, openBench, owners, type Bench, type Version } from "../support/agent-bench.ts";
import type { Program } from "../support/programs.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

/** A kill takes some seconds; `scripts/crash-points` asks for hundreds. */
const KILLS = Number(process.env["FERRY_KILLS"] ?? "4");
const SEED = Number(process.env["FERRY_CRASH_SEED"] ?? "1");
/** From the deployment to the commitment: trust, the eight phases, and the copies of the database in between. */
const WRITES_MAX = 14;
/** Long enough that a kill can find the candidate with the traffic. */
const SOAK_MS = 400;

t.setTimeout(60_000 + KILLS * 30_000);

t.test(`killed at a write of its state (seed ${String(SEED)}), it comes back, answers, and converges`, async (t) => {
  const random = seededRandom(SEED);
  // 128 kB/s: the archive is a second or two on its way.
  await using bench = await openBench(t, 131_072);
  const { director, start, slot, version } = bench;
  let program = start();
  await director.deploy([deployed(director, await bundle(t, "1.0.0"))]);
  await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
  // More releases than a device keeps: each deployment has to fetch its bundle again.
  const releases = await Promise.all(["a", "b", "c"].map((ballast) => ballasted(t, ballast)));
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const release = releases[kill % releases.length];
    if (release === undefined) throw new Error("there is a release");
    const writes = 1 + Math.floor(random() * WRITES_MAX);
    const killed = killAtWrite(bench, program, writes);
    await director.deploy([{ ...deployed(director, release), soakMs: SOAK_MS }]);
    const done = slot("the update is through", ({ phase, desired, active }) => {
      return phase === "committed" && active?.statement === release.slot.statement && desired === active.statement;
    });
    await Promise.race([killed.done, done]);
    killed.giveUp();
    // Whatever it was waiting for: the process that would have done it is gone.
    done.catch(() => undefined);
    const phase = director.report()?.slots[0]?.phase ?? "nothing";
    await program.stop("SIGKILL");
    program = start();
    const answered = await until("it answers again", () => version().catch(() => undefined));
    t.ok(VERSIONS.includes(answered), `kill ${String(kill)} at write ${String(writes)}, in ${phase}: ${answered}`);
  }
  const last = deployed(director, await bundle(t, "1.0.0"));
  await director.deploy([last]);
  await slot("it converges", ({ phase, active }) => phase === "committed" && active?.statement === last.statement);
});

const VERSIONS: readonly string[] = ["1.0.0", "1.1.0"] satisfies Version[];

function ballasted(t: Parameters<typeof bundle>[0], ballast: string) {
  return bundle(t, "1.1.0", owners.publisher, (directory) => {
    writeFileSync(join(directory, "ballast.bin"), Buffer.alloc(100_000, ballast));
  });
}

/** SIGKILL as the state database is written for the n-th time from now on; `done` settles when that has happened. */
function killAtWrite({ folder }: Bench, program: Program, writes: number) {
  const { state } = agentFolder(folder);
  const done = Promise.withResolvers<undefined>();
  let seen = 0;
  const watcher = watch(dirname(state), (_event, name) => {
    if (name !== `${basename(state)}-wal`) return;
    seen += 1;
    if (seen !== writes) return;
    process.kill(program.pid, "SIGKILL");
    done.resolve(undefined);
  });
  return {
    done: done.promise,
    giveUp: () => {
      watcher.close();
    },
  };
}
