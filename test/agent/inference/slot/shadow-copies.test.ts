import t from "tap";
import type { Agreement } from "../../../../agent/inference/slot/agreement.ts";
import { QUIET_MS, REQUESTS_PER_FORCED_COPY } from "../../../../agent/inference/slot/copy-moment.ts";
import type {
  CopyOutcome,
  InferRequest,
  InferResponse,
  VerifiedBundle,
} from "../../../../agent/inference/inference-engine.ts";
import type { AsideAnswer } from "../../../../agent/inference/slot/serving-version.ts";
import { COPIES_WAITING_MAX, ShadowCopies } from "../../../../agent/inference/slot/shadow-copies.ts";
import { COMPARED_BYTES_MAX } from "../../../../agent/inference/slot/standby-comparison.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../../../protocol/ids.ts";
import { floats } from "../../../support/model-folders.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { until } from "../../../support/until.ts";

const request: InferRequest = { slot: "m" as ModelName, inputs: [floats("x", [1], [1])], timeoutMs: 1_000 };

function answer(...values: number[]): InferResponse {
  return {
    model: "m" as ModelName,
    version: "1.0.0" as ModelVersion,
    statement: "a" as StatementDigest,
    // Nothing of it matters to copies.
    bundle: {} as VerifiedBundle,
    outputs: [floats("y", [values.length], values)],
    queueMs: 0,
    inferMs: 1,
  };
}

function aside(...values: number[]): AsideAnswer {
  return {
    kind: "answered",
    answer: { outputs: answer(...values).outputs, fault: undefined, batchSize: 1, inferMs: 7 },
  };
}

function open(ask: () => AsideAnswer | Promise<AsideAnswer> = () => aside(1)) {
  // Moved by the loop's own waits: each is one look further.
  const clock = manualClock(0);
  const state = { underWay: 0 };
  const copied: CopyOutcome[] = [];
  const compared: Agreement[] = [];
  const copies = new ShadowCopies({
    ask: async () => ask(),
    underWay: () => state.underWay,
    onCopied: (outcome) => copied.push(outcome),
    onCompared: (agreement) => compared.push(agreement),
    clock: {
      ...clock,
      sleep: async (ms) => {
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(ms);
      },
    },
  });
  return { clock, state, copied, compared, copies };
}

t.test("copies wait until nobody does, and are held against what was answered", async (t) => {
  const { state, copied, compared, copies } = open();
  state.underWay = 1;
  copies.noteRequest();
  copies.offer(request, answer(1));
  copies.offer(request, answer(2));
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.same(copied, [], "somebody waits");
  state.underWay = 0;
  await until("both are computed", () => copied.length === 2);
  t.same(copied, [
    { kind: "answered", inferMs: 7 },
    { kind: "answered", inferMs: 7 },
  ]);
  t.same(
    compared.map(({ isSame }) => isSame),
    [true, false],
  );
  copies.close();
});

t.test("where it is never quiet, one request in many meets a copy, whose time says nothing", async (t) => {
  const { state, copied, copies } = open();
  state.underWay = 1;
  for (let at = 0; at < REQUESTS_PER_FORCED_COPY; at += 1) copies.noteRequest();
  for (let at = 0; at < 3; at += 1) copies.offer(request, answer(1));
  await until("one is computed", () => copied.length === 1);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  t.same(copied, [{ kind: "answered", inferMs: undefined }]);
  copies.close();
});

t.test("a request that comes while a copy is computed makes its time worthless", async (t) => {
  const computed = Promise.withResolvers<AsideAnswer>();
  const { clock, copied, copies } = open(() => computed.promise);
  clock.advance(QUIET_MS);
  copies.offer(request, answer(1));
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(1);
  copies.noteRequest();
  computed.resolve(aside(1));
  await until("it is computed", () => copied.length === 1);
  t.same(copied, [{ kind: "answered", inferMs: undefined }]);
  copies.close();
});

t.test("what there is no room for is dropped and counted, and so is what the shadow has no time for", async (t) => {
  const { state, copied, copies } = open(() => ({ kind: "unable" }));
  state.underWay = 1;
  for (let at = 0; at < COPIES_WAITING_MAX + 2; at += 1) copies.offer(request, answer(1));
  t.same(copied, [{ kind: "dropped" }, { kind: "dropped" }]);
  const large = new Array<number>(COMPARED_BYTES_MAX / 4).fill(0);
  copies.offer(request, answer(...large.slice(0, 10)));
  copies.offer({ ...request, inputs: [floats("x", [large.length], large)] }, answer(1));
  t.equal(copied.length, 4);
  state.underWay = 0;
  await until("the queue is empty", () => copied.length === 4 + COPIES_WAITING_MAX);
  t.ok(copied.every(({ kind }) => kind === "dropped"));
  copies.close();
});

t.test("a copy that the shadow fails is a failure, and no disagreement", async (t) => {
  const { clock, copied, compared, copies } = open(() => ({ kind: "failed" }));
  clock.advance(QUIET_MS);
  copies.offer(request, answer(1));
  await until("it is computed", () => copied.length === 1);
  t.same([copied, compared], [[{ kind: "failed" }], []]);
  copies.close();
});

t.test("once closed nothing is told any more", async (t) => {
  const computed = Promise.withResolvers<AsideAnswer>();
  const { clock, copied, compared, copies } = open(() => computed.promise);
  clock.advance(QUIET_MS);
  copies.offer(request, answer(1));
  await new Promise((resolve) => setImmediate(resolve));
  copies.close();
  computed.resolve(aside(1));
  await new Promise((resolve) => setImmediate(resolve));
  t.same([copied, compared], [[], []]);
});
