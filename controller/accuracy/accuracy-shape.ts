/** How good versions are by the truth that came as feedback, as the API and reports tell it. */
import { Type, type Static } from "typebox";
import { DeviceId } from "../../protocol/ids.ts";

/** Shares from 0 to 1, with the 95 % interval for one look (Wilson). */
const ShareEstimate = Type.Object({
  share: Type.Number(),
  low: Type.Number(),
  high: Type.Number(),
  of: Type.Number(),
});

export const ClassAccuracy = Type.Object({
  label: Type.String(),
  /** Times that it was the truth. */
  support: Type.Integer(),
  /** Of the predictions of the class, the right ones; null where it was never predicted. */
  precision: Type.Union([ShareEstimate, Type.Null()]),
  /** Of the times that it was the truth, those that were predicted; null where it never was. */
  recall: Type.Union([ShareEstimate, Type.Null()]),
  /** The harmonic mean of both; 0 where there was no hit. */
  f1: Type.Number(),
});
export type ClassAccuracy = Static<typeof ClassAccuracy>;

export const VersionAccuracy = Type.Object({
  model: Type.String(),
  version: Type.String(),
  /** Absent: all that were asked for, together. */
  device: Type.Optional(DeviceId),
  /** Devices that told of truth. */
  devices: Type.Integer(),
  /** Null where no predicted class was judged. */
  accuracy: Type.Union([ShareEstimate, Type.Null()]),
  /** Means over the classes, each counting the same, with 0 for what has no value. Null without classes. */
  macro: Type.Union([Type.Object({ precision: Type.Number(), recall: Type.Number(), f1: Type.Number() }), Type.Null()]),
  /** Those with the most truth first. */
  classes: Type.Array(ClassAccuracy),
  /** Judged predictions whose class was not told by itself: of agents that do not, and beyond the first 64 of an interval. */
  untold: Type.Integer(),
  /** What is taken for what, the most frequent first. */
  confusions: Type.Array(Type.Object({ actual: Type.String(), predicted: Type.String(), count: Type.Integer() })),
  /** Predicted values, and the means of their squared and absolute errors; null where there were none. */
  values: Type.Union([
    Type.Object({ judged: Type.Integer(), mse: Type.Number(), rmse: Type.Number(), mae: Type.Number() }),
    Type.Null(),
  ]),
});
export type VersionAccuracy = Static<typeof VersionAccuracy>;
