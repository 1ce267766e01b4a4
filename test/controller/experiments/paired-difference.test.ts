import t from "tap";
import { readFileSync } from "node:fs";
import { pairedDifference, type ArmBlock } from "../../../controller/experiments/paired-difference.ts";
import { meanDifference } from "../../../controller/experiments/mean-difference.ts";

interface Reference {
  readonly differences: readonly {
    readonly name: string;
    readonly devices: readonly (readonly (readonly [number, number, number, number])[])[];
    readonly a: number;
    readonly b: number;
    readonly difference: number;
    readonly variance: number | null;
  }[];
}

const file = new URL("../../fixtures/experiments/statistics.json", import.meta.url);
const { differences } = JSON.parse(readFileSync(file, "utf8")) as Reference;
const block = ([aTotal, aWeight, bTotal, bWeight]: readonly [number, number, number, number]): ArmBlock => ({
  ...{ aTotal, aWeight, bTotal, bWeight },
});

for (const { name, devices, a, b, difference, variance } of differences) {
  t.test(`${name}: as NumPy has it`, async (t) => {
    const said = pairedDifference(devices.map((blocks) => blocks.map(block)));
    for (const [one, other] of [
      [said?.a, a],
      [said?.b, b],
      [said?.difference, difference],
    ] as const) {
      t.ok(Math.abs(Number(one) - other) < 1e-12, `${one} and ${other}`);
    }
    if (variance === null) t.equal(said?.variance, undefined);
    else t.ok(Math.abs(Number(said?.variance) / variance - 1) < 1e-10, `${said?.variance} and ${variance}`);
  });
}

t.test("a slow device is no slow version, however unlike their parts in it", async (t) => {
  const said = pairedDifference([[block([10, 10, 100, 100])], [block([9_000, 1_000, 90, 10])]]);
  t.equal(said?.difference, 0);
});

t.test("what befalls both at the same time cancels", async (t) => {
  // Every other minute is a bad one, for both.
  const blocks = Array.from({ length: 100 }, (_, at) => block(at % 2 === 0 ? [1, 10, 1, 10] : [9, 10, 9, 10]));
  t.equal(pairedDifference([blocks])?.variance, 0);
});

t.test("a device that has only one of them takes no part", async (t) => {
  t.equal(pairedDifference([[block([1, 10, 0, 0])]]), undefined);
  t.match(pairedDifference([[block([1, 10, 0, 0])], [block([1, 10, 2, 10])]]), {
    a: 0.1,
    b: 0.2,
    sums: { aWeight: 10 },
  });
});

t.test("means of values have bounds once there are blocks enough", async (t) => {
  const wave = (at: number) => Math.sin(at * 1.7);
  const blocks = (count: number) =>
    Array.from({ length: count }, (_, at) => block([10 * (5 + wave(at)), 10, 10 * (6 + wave(at * 3)), 10]));
  const anytime = { alpha: 0.05, tunedTo: 500 };
  t.equal(meanDifference([blocks(10)], anytime)?.found, undefined);
  const found = meanDifference([blocks(400)], anytime)?.found;
  t.ok(Number(found?.low) > 0.7 && Number(found?.high) < 1.3 && Number(found?.p) < 1e-6, JSON.stringify(found));
});
