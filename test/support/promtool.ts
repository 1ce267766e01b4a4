/** Prometheus' own checker, from Debian's package `prometheus`. */
import { spawnSync } from "node:child_process";

const PROMTOOL = "/usr/bin/promtool";

/** Why a test that needs it is skipped; false where it is here. */
export const promtoolAbsent: string | false =
  spawnSync(PROMTOOL, ["--version"]).error === undefined
    ? false
    : "promtool is absent: apt-get install -y --no-install-recommends prometheus";

/** What it complains of; empty where nothing. */
export function promtool(args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, {
    encoding: "utf8",
    ...(input === undefined ? {} : { input }),
  });
  return status === 0 ? "" : `${stdout}${stderr}`;
}
