/**
 * How the bytes of a picture or a sound become a model's inputs. One entry an input, signed with the model: a device that
 * turned pictures into numbers in any other way than the training did would answer wrongly without any error.
 */
import { Type, type Static } from "typebox";
import { closedObject } from "../schema.ts";
import { TENSOR_RANK_MAX } from "../limits.ts";

/** A side of what a model is given; its largest input then has 16 million values in each of three colours. */
const SIDE_MAX = 4_096;
/** Longer sounds are sent in parts, with the state between them. */
export const SOUND_SECONDS_MAX = 600;
/** Values of a constant input. */
const CONSTANT_VALUES_MAX = 4_096;

const InputName = Type.String({ minLength: 1, maxLength: 256 });
const Side = Type.Integer({ minimum: 1, maximum: SIDE_MAX });
/** 0 to 255. */
const Level = Type.Integer({ minimum: 0, maximum: 255 });

/** Where the picture goes in the model's frame. The sides are the model's; what the picture has is the picture's. */
export const Resize = Type.Union([
  /** Both sides exactly, whatever becomes of the proportions. */
  closedObject({ mode: Type.Literal("stretch"), width: Side, height: Side }),
  /** As large as fits, proportions kept, the rest filled with `pad` (red, green, blue; absent: black). */
  closedObject({
    mode: Type.Literal("letterbox"),
    width: Side,
    height: Side,
    pad: Type.Optional(Type.Tuple([Level, Level, Level])),
    /** Where the picture lies in the frame; absent: in its centre. */
    align: Type.Optional(Type.Union([Type.Literal("centre"), Type.Literal("top-left")])),
  }),
  /** The shorter side becomes `shorterSide`, proportions kept; then width × height are cut from the centre. */
  closedObject({ mode: Type.Literal("crop"), shorterSide: Side, width: Side, height: Side }),
  /**
   * As large as fits into width × height, proportions kept, and nothing around it: for models with open dimensions. A
   * smaller picture keeps its size. Each side is then stretched to the nearest multiple of `multipleOf`.
   */
  closedObject({
    mode: Type.Literal("fit"),
    width: Side,
    height: Side,
    multipleOf: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
  }),
]);
export type Resize = Static<typeof Resize>;

/**
 * `antialiased`: each pixel is the weighted mean of all that it stands for, as Pillow and torchvision resize; `bilinear`:
 * of the four around one point, as OpenCV does; `bicubic`: as Pillow does; `nearest`: one pixel.
 */
export const ResizeFilter = Type.Union([
  Type.Literal("antialiased"),
  Type.Literal("bilinear"),
  Type.Literal("bicubic"),
  Type.Literal("nearest"),
]);
export type ResizeFilter = Static<typeof ResizeFilter>;

/** n: 1; c: colours; h, w: the frame. `flat`: rows one after the other, as many values as the input has. */
export const PictureLayout = Type.Union([
  Type.Literal("nchw"),
  Type.Literal("nhwc"),
  Type.Literal("chw"),
  Type.Literal("hwc"),
  Type.Literal("nhw"),
  Type.Literal("hw"),
  Type.Literal("flat"),
]);
export type PictureLayout = Static<typeof PictureLayout>;

export const PictureInput = closedObject({
  kind: Type.Literal("picture"),
  input: InputName,
  resize: Resize,
  /** Absent: `antialiased`. */
  filter: Type.Optional(ResizeFilter),
  /** In which order a pixel's values come; gray is ITU-R BT.601 luma, as Pillow and OpenCV compute it. */
  colour: Type.Union([Type.Literal("rgb"), Type.Literal("bgr"), Type.Literal("gray")]),
  /** A value is (level × scale − mean) ÷ std, in the order of `colour`. Absent: 1, 0 and 1, the level itself. */
  scale: Type.Optional(Type.Number()),
  mean: Type.Optional(Type.Array(Type.Number(), { minItems: 1, maxItems: 3 })),
  std: Type.Optional(Type.Array(Type.Number({ exclusiveMinimum: 0 }), { minItems: 1, maxItems: 3 })),
  layout: PictureLayout,
});
export type PictureInput = Static<typeof PictureInput>;

/** A sound as one channel of numbers from −1 to 1; several channels are averaged. */
export const SoundInput = closedObject({
  kind: Type.Literal("sound"),
  input: InputName,
  /** Samples a second that the model expects; others are resampled. */
  sampleRate: Type.Integer({ minimum: 1_000, maximum: 192_000 }),
  /** Longer ones are refused. */
  secondsMax: Type.Number({ exclusiveMinimum: 0, maximum: SOUND_SECONDS_MAX }),
  /** Multiplies each sample; 32768 for models that expect 16-bit integers as numbers. Absent: 1. */
  scale: Type.Optional(Type.Number()),
  /**
   * The model sees the sound a piece at a time, in order: `samples` long, one each `step` (absent: `samples`). The last one
   * is filled with silence. Absent: the whole sound at once, filled with silence where the input has a fixed length.
   */
  frame: Type.Optional(
    closedObject({
      samples: Type.Integer({ minimum: 16, maximum: 1_000_000 }),
      step: Type.Optional(Type.Integer({ minimum: 16, maximum: 1_000_000 })),
    }),
  ),
});
export type SoundInput = Static<typeof SoundInput>;

const ConcreteShape = Type.Array(Type.Integer({ minimum: 1, maximum: 65_536 }), { maxItems: TENSOR_RANK_MAX });

/** The same in every request: a sample rate, a size. A client may send another. */
export const ConstantInput = closedObject({
  kind: Type.Literal("constant"),
  input: InputName,
  /** Absent: that of the input, with 1 for what it leaves open. */
  shape: Type.Optional(ConcreteShape),
  /** Row-major; a single one stands for all. */
  values: Type.Array(Type.Number(), { minItems: 1, maxItems: CONSTANT_VALUES_MAX }),
});
export type ConstantInput = Static<typeof ConstantInput>;

/**
 * What a sequence model remembers: zeros at first, then what it gave as `output` for the piece before. It is the client's:
 * the answer holds the last one, and a client that goes on with the same sequence sends it back.
 */
export const StateInput = closedObject({
  kind: Type.Literal("state"),
  input: InputName,
  output: InputName,
  shape: ConcreteShape,
});
export type StateInput = Static<typeof StateInput>;

export const InputProcessing = Type.Union([PictureInput, SoundInput, ConstantInput, StateInput]);
export type InputProcessing = Static<typeof InputProcessing>;

/** At most one picture or sound: a request has one body. */
export const Preprocessing = Type.Array(InputProcessing, { minItems: 1, maxItems: 64 });
export type Preprocessing = Static<typeof Preprocessing>;

/** The input that a request's picture or sound becomes; undefined where the model takes numbers only. */
export function mediaInput(preprocessing: Preprocessing = []): PictureInput | SoundInput | undefined {
  return preprocessing.find((entry) => entry.kind === "picture" || entry.kind === "sound");
}
