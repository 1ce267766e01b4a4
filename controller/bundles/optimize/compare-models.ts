import { stat } from "node:fs/promises";
import { openOnnxSession, type OnnxSession } from "../../../common/onnx-session.ts";
import { caseDifference, type GoldenTolerances, type LoadedCase } from "../../../common/processing/golden-case.ts";
import { answerCase, type AnsweringModel, type CaseAnswer } from "../answer-case.ts";
import { AccuracyTally, neededTolerance, type Accuracy } from "./accuracy.ts";

/** A file that answers the same questions as the others. */
export interface Candidate {
  /** For people: `as it is`, `int8 weights`. */
  readonly name: string;
  readonly path: string;
  /** The file with its external data. */
  readonly sizeBytes: number;
}

export interface CandidateFigures {
  readonly name: string;
  readonly sizeBytes: number;
  readonly loadMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Against the first candidate, which has none. */
  readonly accuracy?: Accuracy;
  readonly passedCases: number;
  readonly cases: number;
  /** What is wrong with the first golden case that does not pass. */
  readonly firstFailure?: string;
  /** The absolute tolerance under which every golden case would pass. */
  readonly neededTolerance: number;
}

interface Questions extends AnsweringModel {
  readonly cases: readonly LoadedCase[];
  readonly tolerances: GoldenTolerances;
  /** The last dimension of the first output counts classes. */
  readonly hasClasses: boolean;
}

/** Enough for a 95th percentile that means something; fewer where a model is so slow that a person would wait. */
const TIMED_RUNS = 100;
const TIMED_MS_MAX = 5_000;

interface Opened {
  readonly candidate: Candidate;
  readonly session: OnnxSession;
  readonly loadMs: number;
  readonly latenciesMs: number[];
}

/** Runs all over the golden set, in turns: what else the machine does then weighs on all alike. */
export async function compareModels(
  candidates: readonly Candidate[],
  questions: Questions,
): Promise<readonly CandidateFigures[]> {
  const opened: Opened[] = [];
  try {
    for (const candidate of candidates) {
      const beganMs = performance.now();
      const session = await openOnnxSession(candidate.path);
      opened.push({ candidate, session, loadMs: performance.now() - beganMs, latenciesMs: [] });
    }
    const answers: CaseAnswer[][] = [];
    for (const { session } of opened) answers.push(await answerAll(session, questions));
    await timeInTurns(opened, questions.cases);
    return opened.map((one, at) =>
      figuresOf(one, answers[at] ?? [], answers[0] ?? [], { ...questions, isFirst: at === 0 }),
    );
  } finally {
    for (const { session } of opened) await session.release();
  }
}

async function answerAll(session: OnnxSession, questions: Questions): Promise<CaseAnswer[]> {
  const answers: CaseAnswer[] = [];
  for (const golden of questions.cases) {
    const { outputs, results } = await answerCase(session, questions, golden);
    const kept = outputs.map((tensor) => ({ ...tensor, bytes: Uint8Array.from(tensor.bytes) }));
    answers.push({ outputs: kept, results });
  }
  return answers;
}

async function timeInTurns(opened: readonly Opened[], cases: readonly LoadedCase[]): Promise<void> {
  const endMs = performance.now() + TIMED_MS_MAX * opened.length;
  for (let run = 0; run < TIMED_RUNS && performance.now() < endMs; run += 1) {
    for (const { session, latenciesMs } of opened) {
      const beganMs = performance.now();
      await session.run(cases[run % cases.length]?.inputs ?? []);
      latenciesMs.push(performance.now() - beganMs);
    }
  }
}

function figuresOf(
  { candidate, loadMs, latenciesMs }: Opened,
  answers: readonly CaseAnswer[],
  before: readonly CaseAnswer[],
  { cases, tolerances, hasClasses, isFirst }: Questions & { readonly isFirst: boolean },
): CandidateFigures {
  const tally = new AccuracyTally(hasClasses);
  const failures: string[] = [];
  let needed = 0;
  for (const [at, golden] of cases.entries()) {
    const { outputs, results } = answers[at] ?? { outputs: [], results: {} };
    tally.add(before[at]?.outputs ?? [], outputs);
    const failure = caseDifference(golden, { outputs, results }, tolerances);
    if (failure !== undefined) failures.push(failure);
    needed = Math.max(needed, neededTolerance(golden.outputs, outputs, tolerances.tolerance.relative));
  }
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const quantile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  const [firstFailure] = failures;
  return {
    name: candidate.name,
    sizeBytes: candidate.sizeBytes,
    loadMs,
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    ...(isFirst ? {} : { accuracy: tally.result() }),
    passedCases: cases.length - failures.length,
    cases: cases.length,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    neededTolerance: needed,
  };
}

/** Of some files together. */
export async function sizeOf(paths: readonly string[]): Promise<number> {
  let sum = 0;
  for (const path of paths) sum += (await stat(path)).size;
  return sum;
}
