/**
 * What a model's outputs mean, so that a client reads labels and boxes instead of tensors. Each entry reads outputs and
 * adds to the answer; `prediction-results.ts` has what it adds. Numbers that an operator may set are `{"$param": name}`.
 */
import { Type, type Static } from "typebox";
import { closedObject } from "../schema.ts";
import { NumberOrParameter } from "./parameters.ts";

const OutputName = Type.String({ minLength: 1, maxLength: 256 });
const Activation = Type.Union([Type.Literal("softmax"), Type.Literal("sigmoid")]);

/** Scores of classes → `top`: the best of them, with their labels. `top: 1` is the argmax. */
export const ClassesResult = closedObject({
  kind: Type.Literal("classes"),
  /** One score a class; dimensions of 1 around them do not matter. */
  output: OutputName,
  /** Makes probabilities of logits; absent: the scores are what they are. */
  activation: Type.Optional(Activation),
  /** How many, absent: 5. */
  top: Type.Optional(NumberOrParameter),
  /** Only scores from here up; absent: all. */
  threshold: Type.Optional(NumberOrParameter),
});
export type ClassesResult = Static<typeof ClassesResult>;

/**
 * One candidate a row (or a column) → `boxes`: those with a good score, of overlapping ones the best, in pixels of the
 * picture that was sent.
 */
export const BoxesResult = closedObject({
  kind: Type.Literal("boxes"),
  /**
   * `[1, N, V]` (`rows`) or `[1, V, N]` (`columns`, as YOLOv8 and later give it), the leading 1 may lack. V values: four
   * coordinates, then what `values` says.
   */
  output: OutputName,
  arrangement: Type.Union([Type.Literal("rows"), Type.Literal("columns")]),
  /**
   * `scores`: one score a class. `objectness-scores`: one that there is anything, by which the others are multiplied (YOLOv5).
   * `score-class`: one score and the class's number (models with the suppression built in). `none`: coordinates only;
   * `scores` names the output that has the scores.
   */
  values: Type.Union([
    Type.Literal("scores"),
    Type.Literal("objectness-scores"),
    Type.Literal("score-class"),
    Type.Literal("none"),
  ]),
  /** `[1, N, C]`, one score a class for each box, where they stand in an output of their own. */
  scores: Type.Optional(OutputName),
  /** Corner and corner, centre and size, or the upper-left corner and size; `yxyx` is TensorFlow's. */
  coordinates: Type.Union([Type.Literal("xyxy"), Type.Literal("yxyx"), Type.Literal("cxcywh"), Type.Literal("xywh")]),
  /** `pixels` of the model's input, or `share` of its sides, 0 to 1. */
  unit: Type.Union([Type.Literal("pixels"), Type.Literal("share")]),
  activation: Type.Optional(Activation),
  /** The first class is what there is nothing of (SSD); it is passed over, and labels begin with the one after it. */
  hasBackground: Type.Optional(Type.Boolean()),
  threshold: NumberOrParameter,
  /** Of two boxes of one class that overlap by more than this share of their union, the better stays; absent: all stay. */
  iouThreshold: Type.Optional(NumberOrParameter),
  /** True: boxes of different classes suppress each other too. */
  acrossClasses: Type.Optional(Type.Boolean()),
  /** How many at most, the best first; absent: 300. */
  most: Type.Optional(NumberOrParameter),
});
export type BoxesResult = Static<typeof BoxesResult>;

/**
 * A map of probabilities, as text detection by differentiable binarization gives it → `boxes`: one around each connected
 * region, grown by `grow`, because such models mark the core of what they find.
 */
export const RegionsResult = closedObject({
  kind: Type.Literal("regions"),
  /** `[1, 1, H, W]` or less around H and W. */
  output: OutputName,
  /** A pixel belongs to a region from here up. */
  threshold: NumberOrParameter,
  /** A region counts where the mean of its pixels is at least this. */
  scoreThreshold: NumberOrParameter,
  /** Each side moves outward by area × (grow) ÷ perimeter, as the paper's unclip ratio; absent: 0. */
  grow: Type.Optional(NumberOrParameter),
  /** Regions with a shorter side are noise; in pixels of the map, absent: 3. */
  sideMin: Type.Optional(NumberOrParameter),
  most: Type.Optional(NumberOrParameter),
});
export type RegionsResult = Static<typeof RegionsResult>;

/** One score a piece of a sound → `segments`: from when to when it was high. */
export const SegmentsResult = closedObject({
  kind: Type.Literal("segments"),
  output: OutputName,
  /** A segment begins where the score is at least this … */
  threshold: NumberOrParameter,
  /** … and ends where it has been below this for `silenceMs`; absent: `threshold`. */
  endThreshold: Type.Optional(NumberOrParameter),
  silenceMs: Type.Optional(NumberOrParameter),
  /** Shorter ones are noise. */
  lengthMsMin: Type.Optional(NumberOrParameter),
});
export type SegmentsResult = Static<typeof SegmentsResult>;

/** Scores of characters at each place → `text`: the best at each, repetitions and blanks left out (CTC). */
export const TextResult = closedObject({
  kind: Type.Literal("text"),
  /** `[1, places, characters]`; the bundle's labels are the characters. */
  output: OutputName,
  /** The number of the blank; labels begin with the one after it where it is 0. */
  blank: Type.Integer({ minimum: 0 }),
  /** The last character is a space, which a label file cannot hold. */
  hasSpace: Type.Optional(Type.Boolean()),
});
export type TextResult = Static<typeof TextResult>;

export const ResultProcessing = Type.Union([ClassesResult, BoxesResult, RegionsResult, SegmentsResult, TextResult]);
export type ResultProcessing = Static<typeof ResultProcessing>;

export const Postprocessing = Type.Array(ResultProcessing, { minItems: 1, maxItems: 16 });
export type Postprocessing = Static<typeof Postprocessing>;
