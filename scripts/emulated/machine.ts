/** A machine in QEMU: an image's disk, a console that is read, a power button that is a SIGKILL. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Needed } from "../../firmware-images/lib/tools.ts";
import { until } from "../../test/support/until.ts";

export type BoardName = "x86" | "arm64" | "raspberry-pi";

export interface MachinePlan {
  readonly board: BoardName;
  readonly disk: string;
  /** Of the image: what an emulator starts by itself where the board's own loader cannot run in it. */
  readonly image: string;
  /** For sockets, the firmware's variables, and `console.log` of all that it ran. */
  readonly directory: string;
  /** The cable is not in when the machine starts. */
  readonly isUnplugged?: boolean;
  /** Another machine than the image is for. */
  readonly isOtherBoard?: boolean;
}

export interface Machine extends AsyncDisposable {
  /** Everything that it has said on its serial console. */
  readonly console: () => string;
  /** Resolves to what the pattern found. Throws with the end of the console when the machine does not say it in time. */
  readonly says: (what: string, pattern: RegExp) => Promise<RegExpExecArray>;
  readonly plugIn: () => Promise<void>;
  /** As if the cable were pulled: nothing that the machine holds in memory is kept. */
  readonly powerOff: () => Promise<void>;
  /** By its power button: what it holds in memory is written first. An emulated Raspberry Pi has none: false. */
  readonly shutDown: () => Promise<boolean>;
  /** Since it was switched on. */
  readonly seconds: () => number;
}

/** An emulated start takes 20–60 s on a machine that has nothing else to do, a Raspberry Pi's 100 s, and ten times that on a busy one. */
const SAYS_MS_MAX = 900_000;
/** Every look at the emulator, and at the controller beside it, takes processor time from the device. */
export const LOOK_MS = 1_000;
/** An emulated system ends in 10–30 s; systemd itself gives what does not end 90 s. */
const SHUT_DOWN_MS_MAX = 300_000;
const CONSOLE_CHARS_MAX = 1_000_000;
const CONSOLE_CHARS_SHOWN = 2_000;

export async function startMachine(plan: MachinePlan): Promise<Machine> {
  const startedMs = performance.now();
  const monitor = join(plan.directory, "monitor");
  const { program, args } = command(plan);
  // KVM is left alone: emulation behaves the same everywhere, and nested virtualisation does not.
  const common = ["-accel", "tcg,thread=multi", "-display", "none", "-serial", "stdio", "-no-reboot", ...DEAD_CLOCK];
  const child = spawn(program, [...args, ...common, "-monitor", `unix:${monitor},server,nowait`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let console = "";
  const keep = (text: Buffer) => {
    console = (console + text.toString()).slice(-CONSOLE_CHARS_MAX);
    appendFileSync(join(plan.directory, "console.log"), text);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = once(child, "exit");
  const running = () => child.exitCode === null && child.signalCode === null;
  const powerOff = async () => {
    if (running()) child.kill("SIGKILL");
    await exited;
  };
  const shutDown = async () => {
    if (plan.board === "raspberry-pi") return false;
    await tellMonitor(monitor, "system_powerdown");
    await until("the machine has shut down", () => !running(), { timeoutMs: SHUT_DOWN_MS_MAX });
    return true;
  };
  const says = async (what: string, pattern: RegExp) => {
    try {
      return await until(what, () => pattern.exec(console) ?? (running() ? undefined : failEnded()), {
        timeoutMs: SAYS_MS_MAX,
        pollMs: LOOK_MS,
      });
    } catch (cause) {
      throw new Error(`${String(cause)}; its console ends with:\n${console.slice(-CONSOLE_CHARS_SHOWN)}`, { cause });
    }
  };
  const machine: Machine = {
    console: () => console,
    says,
    plugIn: () => tellMonitor(monitor, "set_link n on"),
    powerOff,
    shutDown,
    seconds: () => Math.round((performance.now() - startedMs) / 1_000),
    [Symbol.asyncDispose]: powerOff,
  };
  if (plan.isUnplugged === true) {
    await until("the emulator listens", () => existsSync(monitor));
    await tellMonitor(monitor, "set_link n off");
  }
  return machine;
}

/** A line of the first start, without what the kernel puts before it. */
export function said(line: string): string {
  return line.replace(/^ferry\[\d+\]: */, "").trim();
}

function failEnded(): never {
  throw new Error("the machine has ended");
}

/** Resolves when the emulator has done it: it asks for the next line then. */
async function tellMonitor(path: string, line: string): Promise<void> {
  const socket = connect(path);
  let said = "";
  for await (const part of socket as AsyncIterable<Buffer>) {
    said += part.toString();
    const prompts = said.split(PROMPT).length - 1;
    if (prompts === 1 && socket.bytesWritten === 0) socket.write(`${line}\n`);
    if (prompts > 1) break;
  }
  socket.destroy();
}

const PROMPT = "(qemu) ";

/** What such a machine takes of Debian's packages, and what looks at its card. */
export function neededFor(board: BoardName): Needed {
  const emulator: Needed =
    board === "x86"
      ? { "qemu-system-x86_64": "qemu-system-x86", [`${OVMF}/OVMF_CODE.fd`]: "ovmf" }
      : { "qemu-system-aarch64": "qemu-system-arm", [`${AAVMF}/AAVMF_CODE.fd`]: "qemu-efi-aarch64" };
  return { ...emulator, mcopy: "mtools", debugfs: "e2fsprogs", sfdisk: "fdisk", journalctl: "systemd" };
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** Its battery is empty, or it never had one: this is what the machine believes at each start. */
const DEAD_CLOCK = ["-rtc", "base=2000-01-01T00:00:00"];
const NETWORK = ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile="];
/** UEFI firmware for either machine. */
const OVMF = "/usr/share/OVMF";
const AAVMF = "/usr/share/AAVMF";
const RANDOM = ["-device", "virtio-rng-pci"];

function command({ board, disk, image, directory, isOtherBoard = false }: MachinePlan): Command {
  const drive = ["-drive", `if=none,id=d,format=raw,file=${disk}`, "-device", "virtio-blk-pci,drive=d"];
  const firmware = (code: string, variables: string) => {
    const own = join(directory, "firmware-variables");
    copyFileSync(variables, own);
    const flash = (file: string, rest: string) => ["-drive", `if=pflash,format=raw${rest},file=${file}`];
    return [...flash(code, ",readonly=on"), ...flash(own, "")];
  };
  const virt = ["-M", "virt", "-cpu", "cortex-a72", "-m", "1024", "-smp", "2", ...drive, ...NETWORK, ...RANDOM];
  switch (board) {
    case "x86":
      return {
        program: "qemu-system-x86_64",
        args: [
          ...["-M", "q35", "-cpu", "max", "-m", "1024", "-smp", "2", ...drive, ...NETWORK, ...RANDOM],
          ...firmware(`${OVMF}/OVMF_CODE.fd`, `${OVMF}/OVMF_VARS.fd`),
        ],
      };
    case "arm64":
      return {
        program: "qemu-system-aarch64",
        args: [...virt, ...firmware(`${AAVMF}/AAVMF_CODE.fd`, `${AAVMF}/AAVMF_VARS.fd`)],
      };
    case "raspberry-pi": {
      // The board's own firmware does not run in an emulator: it is given what config.txt would have loaded.
      const loaded = ["-kernel", `${image}.vmlinuz`, "-initrd", `${image}.initrd`];
      // QEMU's board does not count: it resets as soon as its watchdog is set.
      const line =
        "root=LABEL=ferry-root ro rootwait quiet loglevel=5 printk.devkmsg=on panic=10 fsck.repair=yes module_blacklist=bcm2835_wdt";
      if (isOtherBoard) {
        return { program: "qemu-system-aarch64", args: [...virt, ...loaded, "-append", `${line} console=ttyAMA0`] };
      }
      return {
        program: "qemu-system-aarch64",
        args: [
          ...["-M", "raspi3b", "-drive", `if=sd,format=raw,file=${disk}`, "-dtb", `${image}.dtb`, ...loaded],
          ...["-append", `${line} console=ttyAMA0,115200 dwc_otg.fiq_fsm_enable=0`],
          ...["-netdev", "user,id=n", "-device", "usb-net,netdev=n"],
        ],
      };
    }
  }
}
