/** `ferry-agent buffer`: the telemetry that waits on this device, whether or not the agent runs. */
import { existsSync } from "node:fs";
import pc from "picocolors";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { agentFolder, readAgentConfig } from "../config.ts";
import type { AgentStatus } from "../status.ts";
import { OUTBOX_CAP_BYTES } from "../telemetry/outbox.ts";
import { exportOutbox, viewOutbox, type OutboxView } from "../telemetry/outbox-view.ts";
import { notRunning } from "./local-agent.ts";
import { dataText, fetchStatus } from "./status.ts";
import { bytesText, durationText, table } from "./text.ts";

export interface Buffer extends OutboxView {
  readonly path: string;
  readonly capBytes: number;
  /** What the agent says, where one runs. */
  readonly isRunning: boolean;
  readonly isConnected: boolean;
  readonly data: AgentStatus["data"];
}

/** Throws FerryError `not-joined`, `not-running` where no agent has run here yet, or `database-unavailable`. */
export async function readBuffer(directory: string): Promise<Buffer> {
  const path = await outboxPath(directory);
  const status = await fetchStatus(directory).catch(() => undefined);
  return {
    path,
    capBytes: OUTBOX_CAP_BYTES,
    isRunning: status !== undefined,
    isConnected: status?.broker.connected === true,
    data: status?.data,
    ...readable(path, () => viewOutbox(path)),
  };
}

/** One JSON document a line. Throws as `readBuffer`. */
export async function exportBuffer(directory: string, print: (line: string) => void): Promise<void> {
  const path = await outboxPath(directory);
  readable(path, () => {
    exportOutbox(path, (record) => {
      print(JSON.stringify(record));
    });
  });
}

async function outboxPath(directory: string): Promise<string> {
  const folder = agentFolder(directory);
  await readAgentConfig(folder);
  if (!existsSync(folder.telemetry)) throw notRunning(folder.directory, new Error("it has never run"));
  return folder.telemetry;
}

function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new FerryError("database-unavailable", `Cannot read the telemetry in ${path}: ${messageOf(cause)}`, {
      hint: "A file of an earlier version is brought up to date, and a damaged one moved aside, when the agent starts: ferry-agent run",
      exitCode: EXIT.failed,
      cause,
    });
  }
}

export function bufferText(buffer: Buffer, nowMs: number): string {
  const { path, usedBytes, capBytes, streams, kinds, data } = buffer;
  const pending = streams.reduce((sum, stream) => sum + stream.pending, 0);
  const oldestMs = Math.min(...kinds.map((kind) => kind.oldestMs));
  const lines = [
    ["outbox", `${path}: ${bytesText(usedBytes)} of at most ${bytesText(capBytes)}`],
    ["pending", pendingText(pending, streams.length, oldestMs, nowMs)],
    ...(data === undefined ? [] : [["data", dataText(data)]]),
  ];
  const head = lines.map(([name = "", text = ""]) => `${pc.bold(name.padEnd(9))}${text}`);
  const rows = kinds.map(({ kind, records, bytes, oldestMs: oldest, newestMs }) => [
    kind,
    String(records),
    bytesText(bytes),
    ageText(oldest, nowMs),
    ageText(newestMs, nowMs),
  ]);
  const held = rows.length === 0 ? [] : ["", ...table([["KIND", "RECORDS", "SIZE", "OLDEST", "NEWEST"], ...rows])];
  return [...head, ...held, ...notes(buffer, pending)].join("\n");
}

function pendingText(pending: number, streams: number, oldestMs: number, nowMs: number): string {
  if (pending === 0) return pc.green("nothing: the controller has everything");
  const where = streams === 1 ? "" : ` in ${String(streams)} streams`;
  const since = Number.isFinite(oldestMs) ? `, the oldest from ${ageText(oldestMs, nowMs)}` : "";
  return `${String(pending)} numbers${where} that the controller has not acknowledged${since}`;
}

/** A clock that was wrong when the record was made, or is now, is not hidden. */
function ageText(atMs: number, nowMs: number): string {
  return atMs > nowMs ? new Date(atMs).toISOString() : `${durationText(nowMs - atMs)} ago`;
}

function notes({ isRunning, isConnected, rolledUp, kinds }: Buffer, pending: number): string[] {
  const declared = kinds.find(({ kind }) => kind === "gap")?.records ?? 0;
  return [
    ...(rolledUp === 0 ? [] : [`${String(rolledUp)} records stand for several each: room or data was short.`]),
    ...(declared === 0 ? [] : ["Gap records say what is told less finely or lost: ferry-agent buffer --export"]),
    ...(isRunning || pending === 0 ? [] : [pc.yellow("The agent does not run: nothing is sent. ferry-agent run")]),
    ...(isRunning && !isConnected ? [pc.yellow("There is no connection to the broker: ferry-agent status")] : []),
  ];
}
