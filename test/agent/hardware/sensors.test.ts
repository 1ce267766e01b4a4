import { statSync } from "node:fs";
import t, { type Test } from "tap";
import { findSensors } from "../../../agent/hardware/sensors.ts";

interface Tree {
  readonly [name: string]: string | Tree;
}

const zone = (type: string, temp: string): Tree => ({ type: `${type}\n`, temp: `${temp}\n` });

/** A board whose /sys and /proc hold this. */
function board(t: Test, tree: { readonly sys: Tree; readonly proc?: Tree }) {
  const directory = t.testdir({ proc: {}, ...tree });
  return findSensors(directory, { sys: `${directory}/sys`, proc: `${directory}/proc` });
}

t.test("a Raspberry Pi tells its temperature, and when heat or a weak supply slows it", async (t) => {
  const sensors = await board(t, {
    sys: {
      class: { thermal: { thermal_zone0: zone("cpu-thermal", "61850") } },
      devices: {
        platform: { soc: { "soc:firmware": { get_throttled: "50005\n" } } },
        system: { cpu: { cpufreq: { policy0: { scaling_cur_freq: "600000", cpuinfo_max_freq: "1500000" } } } },
      },
    },
  });
  t.same(await sensors.read(), {
    temperatureCelsius: 61.85,
    isThrottled: true,
    isUndervolted: true,
    cpuClockPercent: 40,
  });
});

t.test("a Jetson tells of its graphics processor, and not of the sensor that always says 100 degrees", async (t) => {
  const sensors = await board(t, {
    sys: {
      class: {
        thermal: {
          thermal_zone0: zone("CPU-therm", "45000"),
          thermal_zone1: zone("GPU-therm", "52500"),
          thermal_zone2: zone("PMIC-Die", "100000"),
          thermal_zone3: zone("AO-therm", "-256000"),
          cooling_device0: { type: "thermal-cpufreq-0", cur_state: "0" },
          cooling_device1: { type: "pwm-fan", cur_state: "3" },
        },
        devfreq: { "17000000.ga10b": { device: { load: "734\n" } } },
      },
    },
  });
  t.same(await sensors.read(), {
    temperatureCelsius: 45,
    gpuTemperatureCelsius: 52.5,
    temperatureHottestCelsius: 52.5,
    isThrottled: false,
    gpuPercent: 73.4,
  });
});

t.test("a PC tells by its own counter when it was slowed since the last look", async (t) => {
  const sensors = await board(t, {
    sys: {
      class: { thermal: { thermal_zone0: zone("acpitz", "27800"), thermal_zone1: zone("x86_pkg_temp", "58000") } },
      devices: {
        system: { cpu: { cpu0: { thermal_throttle: { package_throttle_count: "7", core_throttle_count: "2" } } } },
      },
    },
    proc: {
      pressure: {
        memory: "some avg10=0.00 avg60=12.50 avg300=1.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
      },
    },
  });
  const expected = {
    temperatureCelsius: 58,
    temperatureHottestCelsius: 58,
    isThrottled: false,
    memoryPressurePercent: 12.5,
  };
  t.same(await sensors.read(), expected);
});

t.test("the disk of the agent's folder tells what was written to it, and an eMMC how worn it is", async (t) => {
  const { dev } = statSync(".");
  const number = `${String((dev >> 8) & 0xfff)}:${String((dev & 0xff) | ((dev >> 12) & 0xfff00))}`;
  const sensors = await board(t, {
    sys: {
      dev: { block: { [number]: { stat: "  1 2 3 4 5 6 2000 8 9 10 11\n", device: { life_time: "0x02 0x05\n" } } } },
    },
  });
  t.same(await sensors.read(), { diskWrittenBytes: 1_024_000, diskWearPercent: 50 });
});

t.test("a machine that tells nothing has no fields, rather than zeros", async (t) => {
  t.same(await (await board(t, { sys: {} })).read(), {});
});
