/** A broker of its own process, on a port that stays: Mosquitto where it is installed, and the controller's own one otherwise. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { listens, mosquittoConfig, mosquittoPath } from "../mosquitto.ts";
import { until } from "../until.ts";
import { beginNode, Killable } from "./killable.ts";

export function killableBroker(port: number, directory: string): Killable {
  const program = mosquittoPath;
  if (program === undefined) return new Killable("the broker", () => beginNode("chaos-broker.ts", [String(port)]));
  const config = join(directory, "mosquitto.conf");
  writeFileSync(config, mosquittoConfig(port));
  return new Killable("mosquitto", () => ({
    child: spawn(program, ["-c", config], { stdio: "ignore" }),
    isReady: until("mosquitto listens", () => listens(port)),
  }));
}
