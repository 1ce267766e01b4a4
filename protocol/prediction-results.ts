/** What post-processing makes of a model's outputs: in answers over HTTP and MQTT, and expected in golden sets. */
import { Type, type Static } from "typebox";

/** The most that one answer holds of anything below: what a person or a program can use, and an answer can carry. */
export const RESULTS_MAX = 1_000;

const Label = Type.String({ maxLength: 1_000 });
/** Of the class, counted from 0 as the model does. */
const ClassIndex = Type.Integer({ minimum: 0 });

export const ScoredClass = Type.Object({ label: Label, index: ClassIndex, score: Type.Number() });
export type ScoredClass = Static<typeof ScoredClass>;

export const Box = Type.Object({
  /** Absent where the model knows no classes. */
  label: Type.Optional(Label),
  index: Type.Optional(ClassIndex),
  score: Type.Number(),
  /** Left, top, right, bottom, in pixels of the picture that was sent, from its upper left corner. */
  box: Type.Tuple([Type.Number(), Type.Number(), Type.Number(), Type.Number()]),
});
export type Box = Static<typeof Box>;

export const Segment = Type.Object({
  fromMs: Type.Number(),
  toMs: Type.Number(),
  /** The highest within. */
  score: Type.Number(),
});
export type Segment = Static<typeof Segment>;

export const PredictionResults = Type.Object({
  /** The best classes, the best first. */
  top: Type.Optional(Type.Array(ScoredClass, { maxItems: RESULTS_MAX })),
  /** The best first. */
  boxes: Type.Optional(Type.Array(Box, { maxItems: RESULTS_MAX })),
  /** In order of time. */
  segments: Type.Optional(Type.Array(Segment, { maxItems: RESULTS_MAX })),
  text: Type.Optional(Type.String({ maxLength: 10_000 })),
});
export type PredictionResults = Static<typeof PredictionResults>;
