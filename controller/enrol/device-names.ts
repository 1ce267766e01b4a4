/** Whether a name is that of a device, as far as a home knows: asked by a command that runs without the controller. */
import { existsSync } from "node:fs";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { openReadOnly, type Sqlite } from "../../common/sqlite.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import type { ControllerPaths } from "../config.ts";
import type { Authority } from "./authority.ts";
import { readCallers } from "./callers.ts";

/** Where the database has names of devices: those that are there, and those that may come. */
const COLUMNS = [
  ["devices", "id"],
  ["certificates", "device"],
  ["join_tokens", "device"],
  ["pending_devices", "device"],
] as const;

/**
 * An application with a device's name could speak as that device. A name that was revoked counts as a device's, unless an
 * application had it. Throws FerryError `name-taken`.
 */
export async function requireNoDevice(paths: ControllerPaths, authority: Authority, name: DeviceId): Promise<void> {
  const isRevokedDevice =
    Number.isFinite(authority.revokedUntilMs(name)) && !(await readCallers(paths.authority)).has(name);
  if (!isRevokedDevice && !isInDatabase(paths, name)) return;
  throw new FerryError("name-taken", `${name} is the name of a device, or of one that is to join; nothing was issued`, {
    hint: "Choose another name for the application: with the same one it could speak as the device.",
    exitCode: EXIT.conflict,
  });
}

/** Read only, also while a controller runs; a home that has not run yet has no database. */
function isInDatabase({ database: path }: ControllerPaths, name: DeviceId): boolean {
  if (!existsSync(path)) return false;
  const database = openReadOnly(path);
  try {
    return COLUMNS.some(
      ([table, column]) =>
        hasTable(database, table) &&
        database.prepare(`SELECT 1 FROM ${table} WHERE ${column} = ? LIMIT 1`).get(name) !== undefined,
    );
  } finally {
    database.close();
  }
}

/** An older controller's database has not all of them. */
function hasTable(database: Sqlite, table: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table) !== undefined;
}
