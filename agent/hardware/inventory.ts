/** What this device is: read once, from the kernel's own files, without starting a process. */
import { createHash } from "node:crypto";
import { readFile, statfs } from "node:fs/promises";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { readOnnxBuild, type OnnxBuild } from "../../common/onnx-build.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";

export interface Inventory {
  /** What `compatible` in `model.json` is matched against. */
  readonly classes: readonly string[];
  /** As the inventory message has it; only the free disk space is asked for each time. */
  readonly hardware: () => Promise<DeviceInfo["hardware"]>;
  /** The onnxruntime-node that the runners load. */
  readonly onnxruntime: OnnxBuild;
  /** Changes when what was measured here may be measured otherwise: another kind of machine, another onnxruntime. */
  readonly fingerprint: string;
}

/** What a field of the inventory message holds. */
const TEXT_CHARS_MAX = 256;

export async function readInventory(directory: string): Promise<Inventory> {
  const boardModel = await readText("/proc/device-tree/model");
  const boardCompatible = await readText("/proc/device-tree/compatible");
  const machineModel = await readText("/sys/devices/virtual/dmi/id/product_name");
  const classes = hardwareClasses({ platform: platform(), arch: arch(), boardModel, boardCompatible });
  const processors = cpus();
  const model = boardModel ?? machineModel ?? "unknown";
  const onnxruntime = readOnnxBuild();
  const { version, folder } = onnxruntime;
  const measures = [classes, model, processors[0]?.model, processors.length, version, folder];
  return {
    classes,
    hardware: async () => {
      const { bavail, bsize } = await statfs(directory);
      return {
        classes: [...classes],
        model: model.slice(0, TEXT_CHARS_MAX),
        arch: arch(),
        kernel: release().slice(0, TEXT_CHARS_MAX),
        cpuModel: (processors[0]?.model ?? "unknown").slice(0, TEXT_CHARS_MAX),
        cpuCount: Math.max(1, processors.length),
        memoryBytes: totalmem(),
        diskFreeBytes: bavail * bsize,
      };
    },
    onnxruntime,
    fingerprint: createHash("sha256").update(JSON.stringify(measures)).digest("hex"),
  };
}

export interface Board {
  readonly platform: string;
  readonly arch: string;
  /** `/proc/device-tree/model`, where there is one: "Raspberry Pi 5 Model B Rev 1.0". */
  readonly boardModel: string | undefined;
  /** `/proc/device-tree/compatible`, its entries separated by blanks: "nvidia,p3768-0000 nvidia,tegra234". */
  readonly boardCompatible: string | undefined;
}

/** The family by the name of the system on the chip: marketing names of the boards around it vary. */
const JETSON_CHIPS: readonly (readonly [chip: string, name: string])[] = [
  ["tegra264", "jetson-thor"],
  ["tegra234", "jetson-orin"],
  ["tegra194", "jetson-xavier"],
  ["tegra186", "jetson-tx2"],
  ["tegra210", "jetson-nano"],
];

/** From the general to the particular: `linux-arm64`, `raspberry-pi`, `raspberry-pi-5`. */
export function hardwareClasses({ platform, arch, boardModel = "", boardCompatible = "" }: Board): string[] {
  const classes = [`${platform}-${arch}`];
  const raspberry = /^Raspberry Pi (?:(\d+)|Zero (\d+)|Compute Module (\d+))?/.exec(boardModel);
  if (raspberry !== null) {
    const [, number, zero, module] = raspberry;
    classes.push("raspberry-pi");
    if (number !== undefined) classes.push(`raspberry-pi-${number}`);
    if (zero !== undefined) classes.push(`raspberry-pi-zero-${zero}`);
    if (module !== undefined) classes.push(`raspberry-pi-cm${module}`);
  }
  const jetson = JETSON_CHIPS.find(([chip]) => boardCompatible.includes(`nvidia,${chip}`));
  if (jetson !== undefined) classes.push("jetson", jetson[1]);
  return classes;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    // Device-tree strings end with, and lists are separated by, a zero byte.
    const text = (await readFile(path, "utf8")).replaceAll("\0", " ").trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}
