/**
 * The fields of an `inference` record: what one model version did on one device in one interval. Every other field
 * begins with OUTCOME_PREFIX and counts requests: `outcome.answered`, or an agent's name for why there was no answer.
 */
import { Type, type Static } from "typebox";
import { gate } from "../schema.ts";
import { CELL_CHARS_MAX } from "./telemetry-batch.ts";

/** `outcome.answered`, `outcome.queue-full`, …: counts. */
export const OUTCOME_PREFIX = "outcome.";

const SketchText = Type.String({ maxLength: CELL_CHARS_MAX });

export const InferenceFields = Type.Object({
  slot: Type.String({ maxLength: 64 }),
  /** Absent where no version is to blame: an unknown model, a full queue. */
  version: Type.Optional(Type.String({ maxLength: 64 })),
  intervalMs: Type.Number({ minimum: 0 }),
  /** How many records were added up to this one; absent: it is one itself. See `protocol/inference-sum.ts`. */
  records: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Times that the runner process ended by itself. */
  crashes: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Milliseconds that answered requests waited, as `Sketch` text. */
  queueSketch: Type.Optional(SketchText),
  /** Milliseconds that answered requests took in the model, and copies that nothing disturbed, as `Sketch` text. */
  inferSketch: Type.Optional(SketchText),
  /** Milliseconds from a picture or sound to its tensors, as `Sketch` text; of requests that brought one. */
  preSketch: Type.Optional(SketchText),
  /** Milliseconds from the outputs for a picture or sound to what they mean, as `Sketch` text. */
  postSketch: Type.Optional(SketchText),
  /** Requests computed together, one entry for each run of the model, as `Sketch` text; absent where each was computed alone. */
  batchSketch: Type.Optional(SketchText),
  /** Copies of requests that another version answered, while this one soaked as its shadow: computed, failed, no time for. */
  copiesAnswered: Type.Optional(Type.Integer({ minimum: 0 })),
  copiesFailed: Type.Optional(Type.Integer({ minimum: 0 })),
  copiesDropped: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Requests that this version and the one that it is to replace both computed while this one soaked. */
  agreementCompared: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Of these, those that both answered alike: the same class, or numbers that are close where there are no classes. */
  agreementSame: Type.Optional(Type.Integer({ minimum: 0 })),
  /** The largest difference of one output value; absent where an answer was no number, or of another shape. */
  agreementDistanceMax: Type.Optional(Type.Number({ minimum: 0 })),
  /** Answers that chose a class, and how sure they were of it on average, from 0 to 1. */
  confidenceCount: Type.Optional(Type.Integer({ minimum: 0 })),
  confidenceMean: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Predicted classes of which the truth came in this interval, whenever they were predicted, and those that were right. */
  feedbackJudged: Type.Optional(Type.Integer({ minimum: 0 })),
  feedbackRight: Type.Optional(Type.Integer({ minimum: 0 })),
  /** The same by class, with their labels: the texts of a `ClassTally`. */
  feedbackClasses: Type.Optional(Type.String({ maxLength: CELL_CHARS_MAX })),
  feedbackPairs: Type.Optional(Type.String({ maxLength: CELL_CHARS_MAX })),
  /** Predicted values of which the truth came, and the means of their absolute and squared errors. */
  feedbackMeasured: Type.Optional(Type.Integer({ minimum: 0 })),
  feedbackAbsoluteMean: Type.Optional(Type.Number({ minimum: 0 })),
  feedbackSquareMean: Type.Optional(Type.Number({ minimum: 0 })),
});
export type InferenceFields = Static<typeof InferenceFields>;

/** Throws SCHEMA. */
export const checkInferenceFields = gate("inference record", InferenceFields);
