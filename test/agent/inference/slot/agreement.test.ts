import t from "tap";
import { agreementOf } from "../../../../agent/inference/slot/agreement.ts";
import type { Datatype, Tensor } from "../../../../protocol/tensor.ts";
import { floats } from "../../../support/model-folders.ts";

const scores = (...values: number[]) => floats("p", [1, values.length], values);
const values = (...given: number[]) => floats("y", [given.length, 1], given);
const whole = (name: string, datatype: Datatype, bytes: Uint8Array, shape: readonly number[]): Tensor => ({
  name,
  datatype,
  shape,
  bytes,
});
const label = (value: bigint) => whole("label", "INT64", new Uint8Array(BigInt64Array.of(value).buffer), [1]);

interface Case {
  readonly when: string;
  readonly one: readonly Tensor[];
  readonly other: readonly Tensor[];
  readonly isSame: boolean;
  /** To three digits; null: there is none. */
  readonly distance?: number | null;
}

const cases: readonly Case[] = [
  {
    when: "the same class is first",
    one: [scores(0.1, 0.8, 0.1)],
    other: [scores(0.3, 0.4, 0.3)],
    isSame: true,
    distance: 0.4,
  },
  { when: "another class is first", one: [scores(0.1, 0.8, 0.1)], other: [scores(0.5, 0.4, 0.1)], isSame: false },
  { when: "one has NaN", one: [scores(NaN, 0.8)], other: [scores(0.2, 0.8)], isSame: false, distance: null },
  {
    when: "the other has an infinity",
    one: [scores(0.1, 0.8)],
    other: [scores(0.2, Infinity)],
    isSame: false,
    distance: null,
  },
  {
    when: "numbers are equal but for rounding",
    one: [values(100, 2)],
    other: [values(100.5, 2.000_1)],
    isSame: true,
    distance: 0.5,
  },
  { when: "one number differs", one: [values(100, 2)], other: [values(100, 2.2)], isSame: false, distance: 0.2 },
  { when: "there is one more number", one: [values(1)], other: [values(1, 1)], isSame: false, distance: null },
  { when: "whole numbers are equal", one: [label(7n)], other: [label(7n)], isSame: true, distance: 0 },
  { when: "whole numbers differ", one: [label(7n)], other: [label(8n)], isSame: false, distance: 0 },
  {
    when: "the class is the same, and a hidden state is not",
    one: [scores(0.1, 0.9), values(1)],
    other: [scores(0.2, 0.8), values(9)],
    isSame: true,
    distance: 8,
  },
  {
    when: "one has an output more",
    one: [scores(0.1, 0.9)],
    other: [scores(0.1, 0.9), values(1)],
    isSame: true,
    distance: 0,
  },
  {
    when: "an output is cut short",
    one: [scores(0.1, 0.9)],
    other: [{ ...scores(0.1, 0.9), bytes: new Uint8Array(4) }],
    isSame: false,
    distance: null,
  },
];
for (const { when, one, other, isSame, distance } of cases) {
  t.test(`answers are ${isSame ? "the same" : "not the same"} where ${when}`, async (t) => {
    const agreement = agreementOf(one, other);
    t.equal(agreement.isSame, isSame);
    if (distance !== undefined) {
      t.equal(agreement.distance === undefined ? null : Math.round(1_000 * agreement.distance) / 1_000, distance);
    }
  });
}
