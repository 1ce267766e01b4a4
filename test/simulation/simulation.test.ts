import t from "tap";
import { runScenario } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { STORIES } from "./scenarios.ts";
import { shrink } from "./shrink.ts";
import { Violation } from "./violation.ts";

/** Small fleets and few seeds: `scripts/simulate` plays a thousand devices for as long as one likes. */
const DEVICES = 25;
const SEEDS = 4;

for (const [name, story] of STORIES) {
  t.test(`every promise holds in the story "${name}", whatever goes wrong`, async (t) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violation, saves } = runScenario(story(seed, DEVICES));
      t.equal(
        violation?.message,
        undefined,
        `scripts/simulate --devices ${String(DEVICES)} --story ${name} --seed ${String(seed)}`,
      );
      t.ok(saves > DEVICES, "the devices had something to do");
    }
  });
}

t.test("the same seed ends the same way, event by event", async (t) => {
  const traces = [1, 2].map(() => {
    const lines: string[] = [];
    const story = STORIES.get("staged");
    if (story !== undefined)
      runScenario(story(7, 10), (atMs, who, text) => lines.push(`${String(atMs)} ${who} ${text}`));
    return lines;
  });
  t.ok((traces[0]?.length ?? 0) > 100);
  t.strictSame(traces[0], traces[1]);
});

t.test("a broken promise is made smaller: what has no part in it is left out", async (t) => {
  const story = STORIES.get("verbs");
  if (story === undefined) throw new Error("there is no such story");
  /** A promise that one fault of one device breaks. */
  const failing: Scenario = {
    ...story(3, 20),
    expect: ({ world }) => {
      const device = world.devices.get(story(3, 20).devices[4]?.id ?? never());
      if (device !== undefined && device.disk.slots.size > 0)
        throw new Violation("a promise of this test", "is broken");
    },
  };
  const { violation } = runScenario(failing);
  t.equal(violation?.promise, "a promise of this test");
  if (violation === undefined) return;
  const { scenario } = shrink(failing, violation);
  t.equal(scenario.devices.length, 1);
  t.strictSame(scenario.faults, []);
  t.ok(failing.actions.length > 5);
  t.strictSame(
    scenario.actions.map(({ kind }) => kind).filter((kind) => kind !== "create" && kind !== "rollback"),
    [],
    "only the plot is left of what people said",
  );
});

function never(): never {
  throw new Error("the story has fewer devices");
}
