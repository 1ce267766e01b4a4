import { Type, type Static } from "typebox";

/** Whether what a version is given and makes of it on one device is as on the other devices of its hardware class. */
export const ClassVerdict = Type.Object({
  hardware: Type.String(),
  device: Type.String(),
  slot: Type.String(),
  version: Type.String(),
  differs: Type.Boolean(),
  /** Features that were compared, and those of them that differ. */
  compared: Type.Integer(),
  unlike: Type.Integer(),
  /** Those that differ most. */
  features: Type.Array(Type.Object({ feature: Type.String(), psi: Type.Number() })),
  /** What it means, and what to do next. */
  sentence: Type.String(),
});
export type ClassVerdict = Static<typeof ClassVerdict>;
