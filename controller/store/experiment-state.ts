import { Type, type Static } from "typebox";

/** The word for where an experiment stands, as it is in the database and on the wire. */
export const ExperimentState = Type.Union([
  Type.Literal("running"),
  /** Its devices go back to A, or have. */
  Type.Literal("kept"),
  /** An ordinary rollout brings B to its devices. */
  Type.Literal("promoted"),
  /** Something else has decided about its devices: another rollout, or a person about the experiment's own. */
  Type.Literal("overtaken"),
]);
export type ExperimentState = Static<typeof ExperimentState>;
