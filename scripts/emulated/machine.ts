/** A machine in QEMU: an image's disk, a console that is read, a power button that is a SIGKILL. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
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
  /** Since it was switched on. */
  readonly seconds: () => number;
}

/** An emulated start takes 20–60 s on a machine that has nothing else to do, and a Raspberry Pi's 100 s. */
const SAYS_MS_MAX = 420_000;
const CONSOLE_CHARS_MAX = 1_000_000;
const CONSOLE_CHARS_SHOWN = 2_000;

export async function startMachine(plan: MachinePlan): Promise<Machine> {
  const startedMs = performance.now();
  const monitor = join(plan.directory, "monitor");
  const { program, args } = command(plan);
  // KVM is left alone: emulation behaves the same everywhere, and nested virtualisation does not.
  const common = ["-accel", "tcg,thread=multi", "-display", "none", "-serial", "stdio", "-no-reboot"];
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
  const says = async (what: string, pattern: RegExp) => {
    try {
      return await until(what, () => pattern.exec(console) ?? (running() ? undefined : failEnded()), {
        timeoutMs: SAYS_MS_MAX,
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

async function tellMonitor(path: string, line: string): Promise<void> {
  const socket = connect(path);
  await once(socket, "data");
  socket.write(`${line}\n`);
  await once(socket, "data");
  socket.destroy();
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

const NETWORK = ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile="];
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
          ...firmware("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
        ],
      };
    case "arm64":
      return {
        program: "qemu-system-aarch64",
        args: [...virt, ...firmware("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd")],
      };
    case "raspberry-pi": {
      // The board's own firmware does not run in an emulator: it is given what config.txt would have loaded.
      const loaded = ["-kernel", `${image}.vmlinuz`, "-initrd", `${image}.initrd`];
      const line = "root=LABEL=ferry-root ro rootwait quiet loglevel=5 printk.devkmsg=on panic=10 fsck.repair=yes";
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
