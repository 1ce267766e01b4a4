import t from "tap";
import {
  afterFailedRestart,
  afterRun,
  decideRestart,
  FAILED_RESTARTS_MAX,
  FRUITLESS_RUNS_MAX,
  NO_TROUBLES,
  STABLE_AFTER_MS,
  USEFUL_AFTER_MS,
  type Troubles,
} from "../../../../agent/inference/runner/restart-policy.ts";

const most = () => 0.999_999;
const fruitless = { livedMs: 100, hasAnswered: false, isOverRequest: false };
const useful = { livedMs: 100, hasAnswered: true, isOverRequest: false };
const killed = { livedMs: 100, hasAnswered: false, isOverRequest: true };

function repeated(step: (troubles: Troubles) => Troubles, times: number, from = NO_TROUBLES): Troubles {
  return Array.from({ length: times }).reduce<Troubles>((troubles) => step(troubles), from);
}

function waitMs(troubles: Troubles): number {
  const decision = decideRestart(troubles, most);
  return decision.kind === "restart" ? Math.round(decision.afterMs) : Infinity;
}

t.test("the first restart is at once, and each one after it waits longer", async (t) => {
  const waits = Array.from({ length: 6 }, (_, at) => waitMs(repeated((so) => afterRun(so, fruitless), at + 1)));
  t.same(waits, [0, 250, 500, 1_000, 2_000, 4_000]);
  t.equal(waitMs(repeated((so) => afterRun(so, fruitless), 9)), 30_000);
});

t.test("one that answered, or ended over a request, waits for a second at most and is never given up", async (t) => {
  for (const run of [useful, killed]) {
    const waits = Array.from({ length: 5 }, (_, at) => waitMs(repeated((so) => afterRun(so, run), at + 1)));
    t.same(waits, [0, 250, 500, 1_000, 1_000]);
    t.equal(waitMs(repeated((so) => afterRun(so, run), 1_000)), 1_000);
  }
});

t.test("one that answered for a while restarts at once, however often", async (t) => {
  const run = { ...useful, livedMs: USEFUL_AFTER_MS };
  t.equal(waitMs(repeated((so) => afterRun(so, run), 1_000)), 0);
});

t.test("a runner that lived long enough begins a new row", async (t) => {
  const troubled = repeated((so) => afterRun(so, fruitless), FRUITLESS_RUNS_MAX - 1);
  t.equal(waitMs(afterRun(troubled, { ...fruitless, livedMs: STABLE_AFTER_MS })), 0);
  t.equal(waitMs(afterRun(troubled, fruitless)), Infinity);
});

const lost = [
  {
    when: "restarts fail in a row",
    step: afterFailedRestart,
    times: FAILED_RESTARTS_MAX,
    why: "5 restarts in a row failed",
  },
  {
    when: "runners end before their first answer",
    step: (so: Troubles) => afterRun(so, fruitless),
    times: FRUITLESS_RUNS_MAX,
    why: "10 runners in a row ended before they answered a request",
  },
];
for (const { when, step, times, why } of lost) {
  t.test(`a version is lost when ${when}`, async (t) => {
    t.equal(decideRestart(repeated(step, times - 1), most).kind, "restart");
    t.same(decideRestart(repeated(step, times), most), { kind: "lost", why });
  });
}

t.test("one runner that comes up, or one answer, begins the count again", async (t) => {
  const failing = repeated(afterFailedRestart, FAILED_RESTARTS_MAX - 1);
  t.equal(decideRestart(repeated(afterFailedRestart, 1, afterRun(failing, fruitless)), most).kind, "restart");
  const dying = repeated((so) => afterRun(so, fruitless), FRUITLESS_RUNS_MAX - 1);
  t.equal(decideRestart(afterRun(afterRun(dying, useful), fruitless), most).kind, "restart");
});

t.test("a run that ended over a request neither counts against the version nor for it", async (t) => {
  const dying = repeated((so) => afterRun(so, fruitless), FRUITLESS_RUNS_MAX - 1);
  t.equal(
    decideRestart(
      repeated((so) => afterRun(so, killed), 20, dying),
      most,
    ).kind,
    "restart",
  );
  t.equal(decideRestart(afterRun(afterRun(dying, killed), fruitless), most).kind, "lost");
});
