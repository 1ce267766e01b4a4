import t from "tap";
import { judgeClasses, type ClassCase } from "../../../controller/drift/judge-class.ts";
import { historiesOf } from "../../../controller/drift/feature-history.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { checkDistributionFields } from "../../../protocol/messages/telemetry-distribution.ts";
import { ValueSketch } from "../../../protocol/value-sketch.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const uniform = seededRandom(3);

function caseOf(feature: string, shifts: readonly number[], count = 300): ClassCase {
  const devices = shifts.map((shift, at) => {
    const device = `d${at}` as DeviceId;
    const sketch = new ValueSketch();
    for (let n = 0; n < count; n += 1) sketch.add(4 * uniform() - 2 + shift);
    const id = { slot: "digits", version: "1.0.0", feature, role: "input", type: "number" };
    const counts = { windowMs: 1, seen: count, count, missing: 0, valueSketch: sketch.toText() };
    const [history] = historiesOf([
      { device, atMs: 0, fields: checkDistributionFields({ ...id, ...counts }) },
    ]).values();
    if (history === undefined) throw new Error("there is one record");
    return [device, history] as const;
  });
  return { hardware: "jetson", devices: new Map(devices) };
}

const differing = (cases: readonly ClassCase[]) =>
  judgeClasses(cases)
    .filter(({ differs }) => differs)
    .map(({ device }) => device);

t.test("the device that is unlike its class is named, with the features and the step that comes next", async (t) => {
  const verdicts = judgeClasses([caseOf("a", [0, 0, 2, 0, 0]), caseOf("b", [0, 0, 0, 0, 0])]);
  t.match(verdicts[0], { device: "d2", differs: true, compared: 2, unlike: 1, features: [{ feature: "a" }] });
  t.match(
    verdicts[0]?.sentence,
    /differs from the other jetson in 1 of 2 features: a .*ferry drift show .* --device d2/,
  );
  t.equal(verdicts.length, 5);
  t.match(verdicts[4]?.sentence, /is as on the other jetson/);
});

t.test("where all devices see something else nobody is unlike the class", async (t) => {
  t.same(differing([caseOf("a", [0, 1, 2, 3, 4])]), []);
});

t.test("of two devices, and of few examples, nothing is said", async (t) => {
  t.same(judgeClasses([caseOf("a", [0, 2])]), []);
  t.same(judgeClasses([caseOf("a", [0, 0, 2], 20)]), []);
});

t.test("without a difference hardly any fleet has an alarm, however many devices and features it has", async (t) => {
  let fleets = 0;
  for (let fleet = 0; fleet < 40; fleet += 1) {
    const cases = Array.from({ length: 5 }, (_, at) => caseOf(`f${at}`, [0, 0, 0, 0, 0, 0], 200));
    if (differing(cases).length > 0) fleets += 1;
  }
  t.ok(fleets <= 2, `${fleets} of 40`);
});
