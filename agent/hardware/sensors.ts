/**
 * What the kernel tells of this board's heat, clocks, graphics processor and disk: from its own files, without a process.
 * (systeminformation starts a shell for a temperature, and stops the whole program while it runs.)
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";

export interface SensorFolders {
  readonly sys: string;
  readonly proc: string;
}

const SYSTEM: SensorFolders = { sys: "/sys", proc: "/proc" };

export interface Sensors {
  /** A field for each thing that this board tells: what it cannot tell is absent. Never rejects. */
  readonly read: () => Promise<RecordFields>;
}

/** A sensor that says more or less than this is broken, or not connected. */
const CELSIUS_MIN = -40;
const CELSIUS_MAX = 150;
/** Zones, clocks and coolers looked at: the largest Jetson has about 30 in all. */
const ENTRIES_MAX = 64;

/** Looks once which sensors there are. `directory`: whose disk is told of. */
export async function findSensors(directory: string, folders: SensorFolders = SYSTEM): Promise<Sensors> {
  const found = await Promise.all([
    findTemperatures(folders),
    findThrottling(folders),
    findClocks(folders),
    findGraphics(folders),
    findDisk(folders, directory),
    findPressure(folders),
  ]);
  const readers = found.flat();
  return {
    read: async () => {
      const parts = await Promise.all(readers.map((reader) => reader().catch(() => ({}))));
      return parts.reduce((all, part) => ({ ...all, ...part }), {});
    },
  };
}

type Reader = () => Promise<RecordFields>;

/**
 * The processor's zone by the name that its maker gave it: `cpu-thermal` on a Raspberry Pi, `CPU-therm` or `cpu-thermal` on
 * a Jetson, `x86_pkg_temp` on a PC. Jetson's `PMIC-Die` always says 100 °C.
 */
async function findTemperatures({ sys }: SensorFolders): Promise<Reader[]> {
  const zones: { readonly type: string; readonly file: string }[] = [];
  for (const zone of await entries(join(sys, "class/thermal"), /^thermal_zone/)) {
    const type = await textOf(join(zone, "type"));
    if (type !== undefined && !/pmic/i.test(type)) zones.push({ type, file: join(zone, "temp") });
  }
  const [processor] = [/^x86_pkg_temp$/, /cpu/i, /soc/i].flatMap((name) => zones.filter(({ type }) => name.test(type)));
  const graphics = zones.find(({ type }) => /gpu/i.test(type));
  const sensors = zones.length > 0 ? [] : await findProcessorSensor(sys);
  return [
    ...sensors,
    ...(processor === undefined ? [] : [celsius("temperatureCelsius", [processor.file])]),
    ...(graphics === undefined ? [] : [celsius("gpuTemperatureCelsius", [graphics.file])]),
    ...(zones.length < 2
      ? []
      : [
          celsius(
            "temperatureHottestCelsius",
            zones.map(({ file }) => file),
          ),
        ]),
  ];
}

/** PCs without thermal zones: the driver of the processor's own sensor. */
async function findProcessorSensor(sys: string): Promise<Reader[]> {
  for (const monitor of await entries(join(sys, "class/hwmon"), /^hwmon/)) {
    const name = await textOf(join(monitor, "name"));
    if (name === undefined || !/^(coretemp|k10temp|zenpower|cpu_thermal)$/.test(name)) continue;
    return [celsius("temperatureCelsius", [join(monitor, "temp1_input")])];
  }
  return [];
}

function celsius(field: string, files: readonly string[]): Reader {
  return async () => {
    const values = (await Promise.all(files.map(numberIn))).flatMap((value) =>
      value === undefined ? [] : [value / 1_000],
    );
    const sound = values.filter((value) => value > CELSIUS_MIN && value < CELSIUS_MAX);
    return sound.length === 0 ? {} : { [field]: Math.max(...sound) };
  };
}

async function findThrottling(folders: SensorFolders): Promise<Reader[]> {
  const firmware = await findFirmware(folders.sys);
  if (firmware !== undefined) return [firmware];
  const counters = await existing([
    join(folders.sys, "devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"),
    join(folders.sys, "devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"),
  ]);
  if (counters.length > 0) return [throttledByCount(counters)];
  const coolers: string[] = [];
  for (const device of await entries(join(folders.sys, "class/thermal"), /^cooling_device/)) {
    const type = await textOf(join(device, "type"));
    // Those that slow a processor down; fans and the like only turn.
    if (type !== undefined && /cpufreq|devfreq|^processor$|gpu/i.test(type)) coolers.push(join(device, "cur_state"));
  }
  return coolers.length === 0 ? [] : [throttledByCoolers(coolers)];
}

/** Raspberry Pi. Bits: 0 voltage too low, 1 clock capped, 2 throttled, 3 soft temperature limit; 16 to 19: since the boot. */
async function findFirmware(sys: string): Promise<Reader | undefined> {
  const [file] = await existing([join(sys, "devices/platform/soc/soc:firmware/get_throttled")]);
  if (file === undefined) return undefined;
  return async () => {
    const text = await textOf(file);
    const bits = parseInt(text?.replace(/^0x/, "") ?? "", 16);
    return Number.isNaN(bits) ? {} : { isThrottled: (bits & 0b1110) !== 0, isUndervolted: (bits & 1) !== 0 };
  };
}

/** True where the processor slowed itself down since the sample before. */
function throttledByCount(files: readonly string[]): Reader {
  let before: number | undefined;
  return async () => {
    const counts = await Promise.all(files.map(numberIn));
    const count = counts.reduce<number>((sum, value) => sum + (value ?? 0), 0);
    const isThrottled = before !== undefined && count > before;
    before = count;
    return { isThrottled };
  };
}

function throttledByCoolers(files: readonly string[]): Reader {
  return async () => {
    const states = await Promise.all(files.map(numberIn));
    return { isThrottled: states.some((state) => state !== undefined && state > 0) };
  };
}

/** As a share of the highest clock, over all processors: a mean of it tells what the model had to work with. */
async function findClocks({ sys }: SensorFolders): Promise<Reader[]> {
  const policies = await entries(join(sys, "devices/system/cpu/cpufreq"), /^policy/);
  if (policies.length === 0) return [];
  return [
    async () => {
      const shares = await Promise.all(
        policies.map(async (policy) => {
          const [now, most] = await Promise.all(
            ["scaling_cur_freq", "cpuinfo_max_freq"].map((name) => numberIn(join(policy, name))),
          );
          return now === undefined || most === undefined || most <= 0 ? [] : [(100 * now) / most];
        }),
      );
      const known = shares.flat();
      return known.length === 0 ? {} : { cpuClockPercent: known.reduce((sum, share) => sum + share, 0) / known.length };
    },
  ];
}

/** Jetson says tenths of a per cent in `load`; AMD per cent; Rockchip and Mali `23@300000000Hz`. */
async function findGraphics({ sys }: SensorFolders): Promise<Reader[]> {
  const clocks = await entries(join(sys, "class/devfreq"), /gpu|ga10b|gv11b|gp10b/);
  const cards = await entries(join(sys, "class/drm"), /^card\d+$/);
  const jetson = await existing([
    join(sys, "devices/gpu.0/load"),
    join(sys, "devices/platform/gpu.0/load"),
    ...clocks.map((clock) => join(clock, "device/load")),
  ]);
  const others = await existing([
    ...cards.map((card) => join(card, "device/gpu_busy_percent")),
    ...clocks.map((clock) => join(clock, "load")),
  ]);
  const [file] = [...jetson, ...others];
  if (file === undefined) return [];
  const share = jetson.length > 0 ? 0.1 : 1;
  return [
    async () => {
      const value = parseInt((await textOf(file)) ?? "", 10);
      return Number.isNaN(value) ? {} : { gpuPercent: value * share };
    },
  ];
}

/** Linux, Documentation/admin-guide/iostats.rst: field 7 is sectors written, of 512 bytes whatever the disk's own are. */
const SECTOR_BYTES = 512;

/**
 * Bytes written since the boot, and an eMMC's wear: JEDEC eMMC 5.0 tells its age in steps of 10 %, the upper end of which is
 * told here. Nothing for a disk that is no block device of its own, such as a container's.
 */
async function findDisk({ sys }: SensorFolders, directory: string): Promise<Reader[]> {
  const { dev } = await stat(directory).catch(() => ({ dev: 0 }));
  // Linux, new_encode_dev: twelve bits of major number between two parts of the minor one.
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  const disk = join(sys, `dev/block/${String(major)}:${String(minor)}`);
  const [statistics] = await existing([join(disk, "stat")]);
  const [wear] = await existing(["device/life_time", "../device/life_time"].map((name) => join(disk, name)));
  return [
    ...(statistics === undefined
      ? []
      : [
          async () => {
            const sectors = Number(((await textOf(statistics)) ?? "").split(/\s+/)[6]);
            return Number.isNaN(sectors) ? {} : { diskWrittenBytes: sectors * SECTOR_BYTES };
          },
        ]),
    ...(wear === undefined
      ? []
      : [
          async () => {
            const ages = ((await textOf(wear)) ?? "").split(/\s+/).map((age) => parseInt(age, 16));
            const known = ages.filter((age) => age > 0);
            return known.length === 0 ? {} : { diskWearPercent: 10 * Math.max(...known) };
          },
        ]),
  ];
}

/** Linux, Documentation/accounting/psi.rst: the share of the last minute in which some task waited for it. */
async function findPressure({ proc }: SensorFolders): Promise<Reader[]> {
  const files = await existing(["cpu", "memory", "io"].map((name) => join(proc, "pressure", name)));
  return files.map((file) => async () => {
    const [, share] = /^some .*avg60=([\d.]+)/.exec((await textOf(file)) ?? "") ?? [];
    return share === undefined ? {} : { [`${file.slice(file.lastIndexOf("/") + 1)}PressurePercent`]: Number(share) };
  });
}

async function entries(folder: string, name: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const wanted = names.filter((entry) => name.test(entry)).sort();
  return wanted.slice(0, ENTRIES_MAX).map((entry) => join(folder, entry));
}

/** Those that can be read: a file of /sys may be there and refuse. */
async function existing(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map(textOf));
  return files.filter((_, at) => texts[at] !== undefined);
}

async function numberIn(file: string): Promise<number | undefined> {
  const text = await textOf(file);
  const value = Number(text);
  return text === undefined || text === "" || Number.isNaN(value) ? undefined : value;
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}
