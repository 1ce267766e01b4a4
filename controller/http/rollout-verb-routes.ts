/** What an operator tells a rollout to do once it has begun. */
import { Type } from "typebox";
import { DeviceId } from "../../protocol/ids.ts";
import { Rollout } from "./rollout-routes.ts";
import { route } from "./route.ts";

const params = Type.Object({ id: Type.Integer({ minimum: 1 }) });

/** `text` says what was done, in a sentence. */
const result = Type.Object({ rollout: Rollout, text: Type.String() });

export const ROLLOUT_VERB_ROUTES = {
  pauseRollout: route({
    method: "POST",
    path: "/api/v1/rollouts/:id/pause",
    tag: "rollouts",
    summary: "Nothing more is issued until it is resumed; what is under way goes on",
    role: "operator",
    changes: true,
    params,
    result,
  }),
  resumeRollout: route({
    method: "POST",
    path: "/api/v1/rollouts/:id/resume",
    tag: "rollouts",
    summary: "A paused rollout goes on; failures so far are accepted",
    role: "operator",
    changes: true,
    params,
    body: Type.Object(
      {
        /** The present stage passes whatever its gates say. */
        waiveGates: Type.Boolean(),
      },
      { additionalProperties: false },
    ),
    result,
  }),
  abortRollout: route({
    method: "POST",
    path: "/api/v1/rollouts/:id/abort",
    tag: "rollouts",
    summary: "Stops it for good, and leaves every device as it is",
    role: "operator",
    changes: true,
    params,
    result,
  }),
  rollBackRollout: route({
    method: "POST",
    path: "/api/v1/rollouts/:id/rollback",
    tag: "rollouts",
    summary: "Stops it, and takes every device that it changed back to what it had, without a download",
    role: "operator",
    changes: true,
    params,
    result,
  }),
  approveRollout: route({
    method: "POST",
    path: "/api/v1/rollouts/:id/approval",
    tag: "rollouts",
    summary: "Says yes to the stage that waits for it; its author cannot",
    role: "approver",
    changes: true,
    params,
    result,
  }),
  retryRollout: route({
    method: "POST",
    path: "/api/v1/rollouts/:id/retry",
    tag: "rollouts",
    summary: "Devices that failed are tried again",
    role: "operator",
    changes: true,
    params,
    body: Type.Object(
      {
        /** Without it, all that failed. */
        devices: Type.Optional(Type.Array(DeviceId, { minItems: 1, maxItems: 10_000 })),
      },
      { additionalProperties: false },
    ),
    result,
  }),
} as const;
