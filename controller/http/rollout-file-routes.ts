/** Rollouts as what was asked for: found by the name that a file gives, compared with it, forgotten. */
import { Type, type Static } from "typebox";
import { RolloutName, RolloutSpec } from "../rollout/rollout-spec.ts";
import { RolloutState } from "../store/rollout-state.ts";
import { route } from "./route.ts";

export const NamedRollout = Type.Object({
  id: Type.Integer(),
  state: RolloutState,
  /** As it was asked for, every default filled in. */
  spec: RolloutSpec,
});
export type NamedRollout = Static<typeof NamedRollout>;

const params = Type.Object({ id: Type.Integer({ minimum: 1 }) });

export const ROLLOUT_FILE_ROUTES = {
  findRollout: route({
    method: "GET",
    path: "/api/v1/rollouts/by-name/:name",
    tag: "rollouts",
    summary: "The newest rollout of a name",
    role: "viewer",
    params: Type.Object({ name: RolloutName }),
    result: NamedRollout,
  }),
  getRolloutSpec: route({
    method: "GET",
    path: "/api/v1/rollouts/:id/spec",
    tag: "rollouts",
    summary: "What a rollout was asked to do",
    role: "viewer",
    params,
    result: NamedRollout,
  }),
  deleteRollout: route({
    method: "DELETE",
    path: "/api/v1/rollouts/:id",
    tag: "rollouts",
    summary: "Forgets a rollout that is over; its devices stay as they are, and what was done stays in the audit log",
    role: "operator",
    changes: true,
    params,
    result: Type.Object({ id: Type.Integer() }),
  }),
} as const;
