/** Truth that comes after a prediction, joined to it by the request's id. The same over HTTP and over MQTT. */
import { Type, type Static } from "typebox";

/** In one message. */
export const FEEDBACK_ENTRIES_MAX = 1_000;
/** Of one prediction. */
export const FEEDBACK_VALUES_MAX = 96;

const Id = Type.String({ minLength: 1, maxLength: 256 });

/** What was true: the class by its label or its index, counted from 0; or the values that should have been predicted. */
export const FeedbackEntry = Type.Union([
  Type.Object({ id: Id, label: Type.Union([Type.String({ maxLength: 256 }), Type.Integer({ minimum: 0 })]) }),
  Type.Object({ id: Id, value: Type.Number() }),
  Type.Object({ id: Id, values: Type.Array(Type.Number(), { minItems: 1, maxItems: FEEDBACK_VALUES_MAX }) }),
]);
export type FeedbackEntry = Static<typeof FeedbackEntry>;

export const FeedbackEntries = Type.Array(FeedbackEntry, { minItems: 1, maxItems: FEEDBACK_ENTRIES_MAX });
export type FeedbackEntries = Static<typeof FeedbackEntries>;

/** What is told of single entries in one answer; the counts are of all. */
export const FEEDBACK_PROBLEMS_MAX = 20;

export const FeedbackAnswer = Type.Object({
  /** Counted: the prediction is known, and this is the first truth for it. */
  joined: Type.Integer({ minimum: 0 }),
  /** Truth for the prediction was counted before: this changes nothing. */
  duplicate: Type.Integer({ minimum: 0 }),
  /** No prediction of this id is remembered. */
  unknown: Type.Integer({ minimum: 0 }),
  /** The truth does not fit the prediction: a label that the model has not, values of another number. */
  unfit: Type.Integer({ minimum: 0 }),
  /** Of the unknown and unfit ones, in sentences. */
  problems: Type.Array(Type.Object({ id: Type.String(), why: Type.String() })),
});
export type FeedbackAnswer = Static<typeof FeedbackAnswer>;
