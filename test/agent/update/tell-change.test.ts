import t from "tap";
import type { RecordFields } from "../../../protocol/messages/telemetry-batch.ts";
import type { SlotEvent } from "../../../agent/update/slot-event.ts";
import type { SlotState } from "../../../agent/update/state.ts";
import { tellChange } from "../../../agent/update/tell-change.ts";
import {
  activating,
  committed,
  failed,
  final,
  heldOne,
  heldTwo,
  qualifying,
  ready,
  rolledBack,
  soaking,
  transferring,
  two,
  three,
} from "../../support/slot-states.ts";
import { spotless } from "../../support/transition-cases.ts";

const observed: SlotEvent = { kind: "observed", observation: spotless };
const lost: SlotEvent = { kind: "lost", statement: heldTwo.statement, refusal: final };
const both = { ...committed, wish: two, active: heldTwo, lastKnownGood: heldOne };

const cases: readonly {
  readonly when: string;
  readonly before: SlotState;
  readonly after: SlotState;
  readonly event: SlotEvent;
  readonly told: readonly RecordFields[];
}[] = [
  { when: "a step within a phase", before: qualifying, after: ready, event: { kind: "qualified", work: 7 }, told: [] },
  {
    when: "the traffic is turned over",
    before: activating,
    after: soaking,
    event: { kind: "activated", work: 7, bundle: heldTwo },
    told: [
      { event: "phase-changed", phase: "soaking", statement: two.statement },
      { event: "swapped", version: "1.1.0", fromVersion: "1.0.0" },
    ],
  },
  {
    when: "a soak is passed",
    before: soaking,
    after: both,
    event: observed,
    told: [{ event: "phase-changed", phase: "committed" }],
  },
  {
    when: "a soak is failed",
    before: soaking,
    after: rolledBack,
    event: observed,
    told: [
      { event: "phase-changed", phase: "rolled-back" },
      { event: "bundle-refused", code: final.code },
      { event: "rolled-back", version: "1.0.0", fromVersion: "1.1.0", why: final.message },
    ],
  },
  {
    when: "a soak is failed, and nothing answered before",
    before: { ...soaking, active: null },
    after: { ...rolledBack, active: null },
    event: observed,
    told: [
      { event: "phase-changed", phase: "rolled-back" },
      { event: "bundle-refused" },
      { event: "slot-cleared", fromVersion: "1.1.0", why: final.message },
    ],
  },
  {
    when: "another wish supersedes what soaks",
    before: soaking,
    after: { ...transferring, wish: three },
    event: { kind: "desired", wish: three, seq: 9 },
    told: [
      { event: "phase-changed", phase: "transferring" },
      { event: "swapped", version: "1.0.0", fromVersion: "1.1.0" },
    ],
  },
  {
    when: "a version begins to soak beside the one that answers",
    before: activating,
    after: { ...soaking, traffic: { kind: "split", share: 0.1 } },
    event: { kind: "activated", work: 7, bundle: heldTwo, traffic: { kind: "split", share: 0.1 } },
    told: [{ event: "phase-changed", phase: "soaking", statement: two.statement, traffic: "split", share: 0.1 }],
  },
  {
    when: "it is good enough to answer everything",
    before: { ...soaking, traffic: { kind: "split", share: 0.1 } },
    after: both,
    event: observed,
    told: [
      { event: "phase-changed", phase: "committed" },
      { event: "swapped", version: "1.1.0", fromVersion: "1.0.0" },
    ],
  },
  {
    when: "it is not",
    before: { ...soaking, traffic: { kind: "split", share: 0.1 } },
    after: rolledBack,
    event: observed,
    told: [
      { event: "phase-changed", phase: "rolled-back" },
      { event: "bundle-refused", code: final.code },
    ],
  },
  {
    when: "what answered beside it is lost",
    before: { ...soaking, traffic: { kind: "split", share: 0.1 } },
    after: { ...soaking, traffic: { kind: "split", share: 0.1 }, active: null },
    event: lost,
    told: [{ event: "swapped", version: "1.1.0", fromVersion: "1.0.0" }],
  },
  {
    when: "what was committed to is lost",
    before: both,
    after: { ...both, phase: "rolled-back", active: null, refusal: final, retryAtMs: 9 },
    event: lost,
    told: [
      { event: "phase-changed", phase: "rolled-back" },
      { event: "bundle-refused" },
      { event: "rolled-back", version: "1.0.0", fromVersion: "1.1.0" },
    ],
  },
  {
    when: "a refusal before any traffic",
    before: qualifying,
    after: failed,
    event: { kind: "refused", work: 7, refusal: final },
    told: [
      { event: "phase-changed", phase: "failed" },
      { event: "bundle-refused", message: final.message },
    ],
  },
];

for (const { when, before, after, event, told } of cases) {
  t.test(`what is told when ${when}`, async (t) => {
    const records: RecordFields[] = [];
    tellChange({ append: (_kind, fields) => records.push(fields) }, { slot: two.slot, before, after, event });
    t.match(records, told);
    t.equal(records.length, told.length);
  });
}
