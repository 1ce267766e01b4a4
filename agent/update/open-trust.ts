import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import type { AgentConfig, AgentFolder } from "../config.ts";
import type { StateDatabase } from "../store/state-database.ts";
import { openTrustKeeper, type TrustKeeper } from "./trust-keeper.ts";

/**
 * From the database; where that was lost, from the root that `join` checked against the pin and left in the folder.
 * Throws FerryError `no-root`.
 */
export function openTrust(
  state: StateDatabase,
  folder: AgentFolder,
  { fleet, device, rootPin }: AgentConfig,
): TrustKeeper {
  const ports = { store: state, fleet, device, bootMs: () => uptime() * 1_000, systemNowMs: () => Date.now() };
  try {
    return openTrustKeeper(ports, { rootBytes: () => readFileSync(folder.firstRoot), pin: rootPin }, state.damage);
  } catch (cause) {
    throw new FerryError("no-root", `The root of trust in ${folder.firstRoot} cannot be used: ${messageOf(cause)}`, {
      hint: "Join again with `ferry-agent join … --force`: the device keeps its key and its models.",
      cause,
    });
  }
}
