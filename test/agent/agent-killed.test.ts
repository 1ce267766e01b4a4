/** An agent, as a process, that loses its power at every turn. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bundle, deployed, openBench, owners } from "../support/agent-bench.ts";
import { until } from "../support/until.ts";

t.test("killed in any phase, it comes back, answers, and converges", { timeout: 110_000 }, async (t) => {
  // 32 kB/s: the archive is some seconds on its way.
  await using bench = await openBench(t, 65_536);
  const { director, start, slot, version } = bench;
  let program = start();
  await director.deploy([deployed(director, await bundle(t, "1.0.0"))]);
  await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
  const ballast = (directory: string) => {
    writeFileSync(join(directory, "ballast.bin"), Buffer.alloc(200_000, directory));
  };
  const wish = deployed(director, await bundle(t, "1.1.0", owners.publisher, ballast));
  await director.deploy([wish]);
  for (const phase of ["transferring", "transferring", "verifying", "qualifying"]) {
    await until(`${phase}, or past it`, async () => {
      const now = director.report()?.slots[0];
      return now?.phase === phase || now?.active?.version === "1.1.0";
    });
    await program.stop("SIGKILL");
    program = start();
    const answered = await until("it answers again", () => version().catch(() => undefined));
    t.ok(["1.0.0", "1.1.0"].includes(answered), `after a kill in ${phase}: ${answered}`);
  }
  await slot("it converges", ({ phase, active }) => phase === "committed" && active?.version === "1.1.0");
});
