/** A resource of a file beside what the controller has under its name. */
import { FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import { isOver } from "../rollout/delete-rollout.ts";
import type { Resource } from "../rollout/parse-rollout-file.ts";
import { resourceText } from "../rollout/resource-text.ts";
import { lineDifference, type DifferenceLine } from "./line-difference.ts";
import {
  alertResource,
  experimentNamed,
  experimentResource,
  groupResource,
  rolloutResource,
  ruleNamed,
  scheduleNamed,
  scheduleResource,
} from "./resource-kinds.ts";

export interface Compared {
  readonly resource: Resource;
  /** What there is of its kind under its name, the newest; only rollouts and experiments have a number and a state. */
  readonly there: There | undefined;
  readonly kind: "absent" | "same" | "different";
  readonly lines: readonly DifferenceLine[];
}

export interface There {
  readonly id: number;
  readonly state: string;
  /** True where another of the name may begin. */
  readonly isOver: boolean;
}

export async function compareResource(client: Client, resource: Resource): Promise<Compared> {
  const { present, there } = await presentOf(client, resource);
  const lines = lineDifference(present === undefined ? "" : resourceText(present), resourceText(resource));
  const isSame = lines.every(({ kind }) => kind === "same");
  return { resource, there, kind: present === undefined ? "absent" : isSame ? "same" : "different", lines };
}

interface Present {
  readonly present: Resource | undefined;
  readonly there: There | undefined;
}

async function presentOf(client: Client, resource: Resource): Promise<Present> {
  const { kind, name } = resource;
  switch (kind) {
    case "Group":
      return { present: await absentAs(groupResource(client, name)), there: undefined };
    case "Alert": {
      const rule = await absentAs(ruleNamed(client, name));
      return rule === undefined ? NOTHING : { present: alertResource(rule), there: undefined };
    }
    case "Schedule": {
      const schedule = await absentAs(scheduleNamed(client, name));
      return schedule === undefined ? NOTHING : { present: scheduleResource(schedule), there: undefined };
    }
    case "Rollout": {
      const rollout = await absentAs(client.findRollout({ params: { name } }));
      if (rollout === undefined) return NOTHING;
      const { id, state } = rollout;
      return { present: rolloutResource(rollout), there: { id, state, isOver: isOver(state) } };
    }
    case "Experiment": {
      const detail = await absentAs(experimentNamed(client, name));
      if (detail === undefined) return NOTHING;
      const { id, state } = detail.experiment;
      return { present: experimentResource(detail), there: { id, state, isOver: state !== "running" } };
    }
  }
}

const NOTHING: Present = { present: undefined, there: undefined };

async function absentAs<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (thrown instanceof FerryError && thrown.code === "not-found") return undefined;
    throw thrown;
  }
}
