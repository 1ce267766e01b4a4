/** What `ferry-agent install --systemd` and `uninstall` do to a machine, step by step. Pure. */
import { PROGRAM_FILES } from "../self-update/launcher.ts";
import { versionName } from "../self-update/program-place.ts";

export type InstallStep =
  | {
      readonly kind: "run";
      readonly why: string;
      readonly command: readonly string[];
      readonly unless?: readonly string[];
    }
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  | { readonly kind: "file"; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  | { readonly kind: "remove"; readonly path: string };

export const USER = "ferry-agent";
export const STATE_FOLDER = "/var/lib/ferry-agent";
export const PROGRAM_FOLDER = `${STATE_FOLDER}/program`;
export const UNIT_PATH = "/etc/systemd/system/ferry-agent.service";
const COMMAND_PATH = "/usr/local/bin/ferry-agent";
/** Of the package's unit and command, which start the package's own program. */
const PACKAGED_START = "ExecStart=/usr/lib/ferry-agent/ferry-agent run";
const PACKAGED_PROGRAM = "program=/usr/lib/ferry-agent/ferry-agent";

export interface InstallSource {
  /** The packaged agent's own folder. */
  readonly folder: string;
  readonly version: string;
  /** Of its executable. */
  readonly sha256: string;
  /** The unit of the Debian package, and its command. */
  readonly unit: string;
  readonly command: string;
  readonly launcher: string;
}

export function planInstall(source: InstallSource): readonly InstallStep[] {
  const { folder, version, sha256, unit, command, launcher } = source;
  const name = versionName(version, sha256);
  const versionPath = `${PROGRAM_FILES.versions}/${name}`;
  return [
    {
      kind: "run",
      why: "a user of its own, who can log in nowhere",
      unless: ["getent", "passwd", USER],
      command: [
        "useradd",
        "--system",
        "--user-group",
        "--home-dir",
        STATE_FOLDER,
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        USER,
      ],
    },
    { kind: "folder", path: STATE_FOLDER, mode: 0o750 },
    { kind: "folder", path: `${PROGRAM_FOLDER}/${PROGRAM_FILES.versions}`, mode: 0o755 },
    { kind: "copy", from: folder, to: `${PROGRAM_FOLDER}/${versionPath}` },
    { kind: "file", path: `${PROGRAM_FOLDER}/${PROGRAM_FILES.launcher}`, text: launcher, mode: 0o755 },
    { kind: "link", path: `${PROGRAM_FOLDER}/${PROGRAM_FILES.base}`, to: versionPath },
    { kind: "link", path: `${PROGRAM_FOLDER}/${PROGRAM_FILES.current}`, to: versionPath },
    { kind: "file", path: COMMAND_PATH, text: commandOf(command), mode: 0o755 },
    { kind: "file", path: UNIT_PATH, text: unitOf(unit), mode: 0o644 },
    {
      kind: "run",
      why: "the agent writes its own versions",
      command: ["chown", "-R", `${USER}:${USER}`, STATE_FOLDER],
    },
    { kind: "run", why: "systemd reads the unit", command: ["systemctl", "daemon-reload"] },
    {
      kind: "run",
      why: "started at each boot, once the device has joined",
      command: ["systemctl", "enable", "ferry-agent"],
    },
  ];
}

/** What the device knows stays: its key, its trust, its models. */
export function planUninstall(): readonly InstallStep[] {
  return [
    { kind: "run", why: "it ends, and starts no more", command: ["systemctl", "disable", "--now", "ferry-agent"] },
    { kind: "remove", path: UNIT_PATH },
    { kind: "remove", path: COMMAND_PATH },
    { kind: "remove", path: PROGRAM_FOLDER },
    { kind: "run", why: "systemd forgets the unit", command: ["systemctl", "daemon-reload"] },
  ];
}

function unitOf(packaged: string): string {
  return withOtherStart(packaged, PACKAGED_START, `ExecStart=${PROGRAM_FOLDER}/${PROGRAM_FILES.launcher} run`);
}

function commandOf(packaged: string): string {
  return withOtherStart(packaged, PACKAGED_PROGRAM, `program=${PROGRAM_FOLDER}/${PROGRAM_FILES.current}/ferry-agent`);
}

/** Throws where the package's file has changed: then this must too. */
function withOtherStart(packaged: string, start: string, other: string): string {
  if (!packaged.includes(start)) throw new Error(`a file of the package does not say ${start} any more`);
  return packaged.replace(start, other);
}

export function stepText(step: InstallStep): string {
  switch (step.kind) {
    case "run":
      return `run     ${step.command.join(" ")}   (${step.why})`;
    case "folder":
      return `folder  ${step.path}, mode ${step.mode.toString(8)}`;
    case "copy":
      return `copy    ${step.from} → ${step.to}`;
    case "file":
      return `write   ${step.path}, mode ${step.mode.toString(8)}`;
    case "link":
      return `link    ${step.path} → ${step.to}`;
    case "remove":
      return `remove  ${step.path}`;
  }
}
