/** A rollout or group of a file beside what the controller has under its name. */
import { FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import type { NamedRollout } from "../http/rollout-file-routes.ts";
import type { Resource } from "../rollout/parse-rollout-file.ts";
import { resourceText } from "../rollout/resource-text.ts";
import { lineDifference, type DifferenceLine } from "./line-difference.ts";
import { groupResource, rolloutResource } from "./resource-kinds.ts";

export interface Compared {
  readonly resource: Resource;
  /** What there is under its name; for a rollout, the newest. */
  readonly rollout: NamedRollout | undefined;
  readonly kind: "absent" | "same" | "different";
  readonly lines: readonly DifferenceLine[];
}

export async function compareResource(client: Client, resource: Resource): Promise<Compared> {
  const rollout = resource.kind === "Rollout" ? await absentAs(client.findRollout({ params: resource })) : undefined;
  const present =
    resource.kind === "Group"
      ? await absentAs(groupResource(client, resource.name))
      : rollout && rolloutResource(rollout);
  const lines = lineDifference(present === undefined ? "" : resourceText(present), resourceText(resource));
  const isSame = lines.every(({ kind }) => kind === "same");
  return { resource, rollout, kind: present === undefined ? "absent" : isSame ? "same" : "different", lines };
}

async function absentAs<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (thrown instanceof FerryError && thrown.code === "not-found") return undefined;
    throw thrown;
  }
}
