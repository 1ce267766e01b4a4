import t from "tap";
import { isAcknowledgementDue, isLagging, piecesToAsk, type AskView } from "../../../agent/transfer/decide.ts";
import { ChunkBitmap } from "../../../protocol/transfer/chunk-bitmap.ts";

const PIECES = 100;
const from = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);

function view(changes: Partial<AskView> & { readonly holds?: readonly number[] }): AskView {
  const { holds = [0], ...rest } = changes;
  const written = new ChunkBitmap(PIECES).with(holds);
  return {
    lane: "pull",
    written,
    fragments: new Map(),
    listPieces: 1,
    awaited: new Set(),
    credit: 16,
    settled: 0,
    ...rest,
  };
}

const cases: readonly { when: string; given: AskView; then: number[] }[] = [
  { when: "it begins: the chunk list alone", given: view({ holds: [], credit: 2 }), then: [0] },
  { when: "it has the list: little, until the way is known", given: view({ credit: 3 }), then: from(1, 3) },
  { when: "the way is known: the whole credit", given: view({}), then: from(1, 16) },
  {
    when: "more than half of the credit is on its way: nothing",
    given: view({ awaited: new Set(from(1, 9)) }),
    then: [],
  },
  {
    when: "half of the credit is on its way: the other half",
    given: view({ awaited: new Set(from(1, 8)) }),
    then: from(9, 8),
  },
  {
    when: "a piece between those on their way is given up: that one first",
    given: view({ awaited: new Set([1, 3, 4]), credit: 6 }),
    then: [2, 5, 6],
  },
  {
    when: "there are holes: the holes",
    given: view({ holds: [0, ...from(1, 50), ...from(53, 40)] }),
    then: [51, 52, ...from(93, 7)],
  },
  { when: "all is there: nothing", given: view({ holds: from(0, PIECES) }), then: [] },
  {
    when: "some fragments of the list wait for others: the others",
    given: view({ holds: [], listPieces: 5, fragments: new Map([0, 1, 3].map((piece) => [piece, new Uint8Array()])) }),
    then: [2, 4],
  },
  { when: "a broadcast has not reached anything yet: nothing", given: view({ lane: "broadcast" }), then: [] },
  {
    when: "a broadcast passed a gap: the gap",
    given: view({ lane: "broadcast", holds: [0, 1, 2, 5], settled: 6 }),
    then: [3, 4],
  },
  {
    when: "a broadcast passed without the list: the list only",
    given: view({ lane: "broadcast", holds: [], settled: 9 }),
    then: [0],
  },
  {
    when: "a broadcast passed 90 gaps: 64 of them",
    given: view({ lane: "broadcast", settled: 91 }),
    then: from(1, 64),
  },
];
for (const { when, given, then } of cases) {
  t.test(`asks when ${when}`, async (t) => t.same(piecesToAsk(given), then));
}

const acknowledgements = [
  { given: { isSentinel: true, framesSinceWant: 8, sinceWantMs: 5 }, due: true, why: "a sentinel has 8 frames" },
  { given: { isSentinel: true, framesSinceWant: 7, sinceWantMs: 5 }, due: false, why: "a sentinel has 7 frames" },
  {
    given: { isSentinel: true, framesSinceWant: 1, sinceWantMs: 100 },
    due: true,
    why: "a sentinel has one for 100 ms",
  },
  { given: { isSentinel: false, framesSinceWant: 63, sinceWantMs: 100 }, due: false, why: "another has 63 frames" },
  { given: { isSentinel: false, framesSinceWant: 64, sinceWantMs: 5 }, due: true, why: "another has 64 frames" },
  { given: { isSentinel: false, framesSinceWant: 0, sinceWantMs: 2_000 }, due: true, why: "it was silent for 2 s" },
];
for (const { given, due, why } of acknowledgements) {
  t.test(`acknowledges ${due ? "" : "not yet "}when ${why}`, async (t) => t.equal(isAcknowledgementDue(given), due));
}

const lags = [
  { queueDelayMs: 1_500, groupDelayMs: 0, lags: false },
  { queueDelayMs: 1_501, groupDelayMs: 0, lags: true },
  { queueDelayMs: 1_900, groupDelayMs: 100, lags: false },
  { queueDelayMs: 1_901, groupDelayMs: 100, lags: true },
];
for (const { queueDelayMs, groupDelayMs, lags: expected } of lags) {
  t.test(
    `${queueDelayMs} ms behind in a group that waits ${groupDelayMs} ms is ${expected ? "" : "not "}lagging`,
    async (t) => t.equal(isLagging(queueDelayMs, groupDelayMs), expected),
  );
}
