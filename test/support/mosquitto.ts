import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./programs.ts";
import { until } from "./until.ts";

/** Debian puts it in /usr/sbin, which is not on everybody's PATH. */
const PLACES = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];

/** The program's path; undefined where it is not installed: tests then say so and skip. */
export const mosquittoPath = PLACES.find((path) => existsSync(path));

export interface Mosquitto extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** A Mosquitto on a port of its own, set up as docs/OPERATING.md says. */
export async function openMosquitto(): Promise<Mosquitto> {
  if (mosquittoPath === undefined) throw new Error("mosquitto is not installed: apt-get install mosquitto");
  const [port = 0] = await freePorts(1);
  const folder = mkdtempSync(join(tmpdir(), "modelferry-mosquitto-"));
  const config = join(folder, "mosquitto.conf");
  writeFileSync(config, mosquittoConfig(port));
  const child = spawn(mosquittoPath, ["-c", config], { stdio: "ignore" });
  await until("mosquitto listens", () => listens(port));
  return {
    url: `mqtt://127.0.0.1:${String(port)}`,
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function mosquittoConfig(port: number): string {
  return [
    `listener ${String(port)} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "max_queued_messages 20000",
    "max_queued_bytes 33554432",
    // Without it a QoS 1 round trip takes 91 ms instead of 0.1.
    "set_tcp_nodelay true",
    "log_type error",
  ].join("\n");
}

export async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const connected = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return connected;
}
