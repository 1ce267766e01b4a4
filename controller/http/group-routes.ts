import { Type, type Static } from "typebox";
import { DeviceId } from "../../protocol/ids.ts";
import { GroupName } from "../fleet/group-name.ts";
import { SELECTOR_CHARS_MAX } from "../rollout/rollout-spec.ts";
import { route } from "./route.ts";

export const Group = Type.Object({
  name: GroupName,
  selector: Type.String(),
  createdMs: Type.Number(),
  changedMs: Type.Number(),
  /** How many devices it has now. */
  devices: Type.Integer(),
});
export type Group = Static<typeof Group>;

export const GroupDetail = Type.Object({
  group: Group,
  /** Those that it has now, ascending by id. */
  devices: Type.Array(DeviceId),
  /** What names it and so keeps it: other groups, and rollouts that may still ask who is in it. */
  users: Type.Array(
    Type.Object({ kind: Type.Union([Type.Literal("group"), Type.Literal("rollout")]), name: Type.String() }),
  ),
});
export type GroupDetail = Static<typeof GroupDetail>;

const params = Type.Object({ group: GroupName });

export const GROUP_ROUTES = {
  listGroups: route({
    method: "GET",
    path: "/api/v1/groups",
    tag: "devices",
    summary: "The saved selectors, by name",
    role: "viewer",
    result: Type.Object({ groups: Type.Array(Group) }),
  }),
  getGroup: route({
    method: "GET",
    path: "/api/v1/groups/:group",
    tag: "devices",
    summary: "One group, the devices in it now, and what uses it",
    role: "viewer",
    params,
    result: GroupDetail,
  }),
  setGroup: route({
    method: "POST",
    path: "/api/v1/groups",
    tag: "devices",
    summary: "Saves a selector under a name, which @NAME means from then on in every selector",
    role: "operator",
    changes: true,
    body: Type.Object(
      {
        name: GroupName,
        selector: Type.String({ minLength: 1, maxLength: SELECTOR_CHARS_MAX }),
        /** Also where a group of that name has another selector. */
        replace: Type.Optional(Type.Boolean()),
      },
      { additionalProperties: false },
    ),
    result: Type.Object({
      group: Group,
      outcome: Type.Union([Type.Literal("created"), Type.Literal("changed"), Type.Literal("unchanged")]),
    }),
  }),
  deleteGroup: route({
    method: "DELETE",
    path: "/api/v1/groups/:group",
    tag: "devices",
    summary: "Forgets a group that nothing uses; its devices stay as they are",
    role: "operator",
    changes: true,
    params,
    result: Type.Object({ name: GroupName }),
  }),
} as const;
