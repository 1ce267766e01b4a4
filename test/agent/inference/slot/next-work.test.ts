import t from "tap";
import { nextWork, type NextWork, type RunnerLoad, type Waiting } from "../../../../agent/inference/slot/next-work.ts";
import type { Batching } from "../../../../protocol/bundle/serving.ts";

const NOW_MS = 1_000;
const idle: RunnerLoad = { batches: 0, hasSuspect: false };
const busy: RunnerLoad = { batches: 1, hasSuspect: false };
const full: RunnerLoad = { batches: 2, hasSuspect: false };
const trying: RunnerLoad = { batches: 1, hasSuspect: true };

const one: Waiting = { arrivedMs: NOW_MS, isSuspect: false, join: { rows: 1, key: "k" } };
const rows = (count: number): Waiting => ({ ...one, join: { rows: count, key: "k" } });
const other: Waiting = { ...one, join: { rows: 1, key: "other" } };
const alone: Waiting = { ...one, join: undefined };
const suspect: Waiting = { ...one, isSuspect: true };
const old: Waiting = { ...one, arrivedMs: NOW_MS - 3 };
const take = (runner: number, ...requests: number[]): NextWork => ({ kind: "take", runner, requests });
const nothing: NextWork = { kind: "nothing" };

interface Case {
  readonly then: string;
  readonly waiting: readonly Waiting[];
  readonly runners: readonly RunnerLoad[];
  readonly batching?: Batching;
  readonly work: NextWork;
}

const four: Batching = { maxBatch: 4 };
const patient: Batching = { maxBatch: 4, maxDelayMs: 5 };

const cases: readonly Case[] = [
  { then: "nothing is done where nothing waits", waiting: [], runners: [idle], work: nothing },
  { then: "nothing is done where no runner is ready", waiting: [one], runners: [], work: nothing },
  { then: "what came first goes first", waiting: [one, one], runners: [idle], work: take(0, 0) },
  { then: "a second one waits in the channel", waiting: [one], runners: [busy], work: take(0, 0) },
  { then: "a third one waits in the queue", waiting: [one], runners: [full], work: nothing },
  { then: "the runner with the least to do is taken", waiting: [one], runners: [busy, idle, full], work: take(1, 0) },

  { then: "a suspect gets a runner of its own", waiting: [one, suspect], runners: [busy, idle], work: take(1, 1) },
  { then: "a runner gets free for the suspect", waiting: [suspect, one], runners: [busy], work: nothing },
  { then: "the other runners go on meanwhile", waiting: [suspect, one], runners: [busy, busy], work: take(1, 1) },
  { then: "nothing joins a suspect", waiting: [one], runners: [trying], work: nothing },
  { then: "one suspect is tried at a time", waiting: [suspect, one], runners: [trying, idle], work: take(1, 1) },
  { then: "nothing but suspects waits for the one", waiting: [suspect], runners: [trying, idle], work: nothing },

  {
    then: "all that waits is computed together",
    waiting: [one, one, one],
    runners: [idle],
    batching: four,
    work: take(0, 0, 1, 2),
  },
  {
    then: "a batch is no larger than it may be",
    waiting: [one, one, one, one, one],
    runners: [idle],
    batching: four,
    work: take(0, 0, 1, 2, 3),
  },
  {
    then: "rows count, not requests",
    waiting: [rows(3), rows(2), one],
    runners: [idle],
    batching: four,
    work: take(0, 0, 2),
  },
  {
    then: "more rows than a batch has are computed alone",
    waiting: [rows(9), one],
    runners: [idle],
    batching: four,
    work: take(0, 0),
  },
  {
    then: "what cannot be joined is left for later",
    waiting: [one, other, alone, one],
    runners: [idle],
    batching: four,
    work: take(0, 0, 3),
  },
  {
    then: "what has no rows is computed alone",
    waiting: [alone, one],
    runners: [idle],
    batching: four,
    work: take(0, 0),
  },
  {
    then: "a suspect joins no batch",
    waiting: [one, suspect, one],
    runners: [trying, idle],
    batching: four,
    work: take(1, 0, 2),
  },

  {
    then: "the first one waits for company",
    waiting: [old, one],
    runners: [idle],
    batching: patient,
    work: { kind: "wait", forMs: 2 },
  },
  {
    then: "a full batch waits for nothing",
    waiting: [old, one, one, one],
    runners: [idle],
    batching: patient,
    work: take(0, 0, 1, 2, 3),
  },
  {
    then: "after its delay it goes with what there is",
    waiting: [{ ...one, arrivedMs: NOW_MS - 5 }, one],
    runners: [idle],
    batching: patient,
    work: take(0, 0, 1),
  },
];

for (const { then, waiting, runners, batching, work } of cases) {
  t.test(then, async (t) => {
    t.same(nextWork(waiting, runners, batching, NOW_MS), work);
  });
}
