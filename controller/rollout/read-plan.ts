/** Reads all that a plan is made from, and makes it. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { parameterMistake, type ParameterValues } from "../../protocol/bundle/parameters.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { readSelector } from "../fleet/groups.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { selects, type Selector } from "../fleet/selector.ts";
import { bundleByLabel, bundlesOf, type CatalogueEntry } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";
import { foresee, type Foresight } from "./foresee.ts";
import { planRollout, type RolloutPlan } from "./plan.ts";
import { readDeliveries } from "./read-deliveries.ts";
import { readRivals, type Rival } from "./read-rivals.ts";
import type { RolloutSpec } from "./rollout-spec.ts";

export interface Planned {
  readonly entry: CatalogueEntry;
  readonly plan: RolloutPlan;
  readonly foresight: Foresight;
  /** Rollouts under way that want the same devices. */
  readonly rivals: readonly Rival[];
}

/** Throws `not-found` for a bundle, a device or a group that is not there, and for a selector that matches nothing; `bad-parameters`. */
export async function readPlan(store: Store, spec: RolloutSpec, nowMs: number): Promise<Planned> {
  const { model, priority, params } = spec;
  const entry = await bundleByLabel(store, model, spec.version);
  requireParameters(entry.model, params);
  const matching = await matchingDevices(store, spec);
  const archiveBytes = entry.archive.length;
  const { allowInterfaceChange, mode } = spec;
  const versions = await bundlesOf(store, model);
  const plan = planRollout({
    bundle: entry,
    params,
    archiveBytes,
    versions,
    devices: matching,
    allowInterfaceChange,
    mode,
  });
  const able = new Set(plan.devices.flatMap(({ device, action }) => (action === "cannot" ? [] : [device])));
  const foresight = foresee({
    rollout: await nextRollout(store),
    spec,
    selectors: await stageSelectors(store, spec),
    statement: entry.statement,
    archiveBytes,
    devices: matching.filter(({ id }) => able.has(id)),
    deliveries: await readDeliveries(store),
    nowMs,
  });
  const rivals = await readRivals(store, model, { devices: [...able], priority });
  return { entry, plan, foresight, rivals };
}

function requireParameters(model: ModelJson, params: ParameterValues | undefined): void {
  const mistake = parameterMistake(model.parameters, params);
  if (mistake === undefined) return;
  throw new FerryError("bad-parameters", `${model.name}@${model.version} cannot be rolled out so: ${mistake}`, {
    hint: "Its publisher has signed the bounds, and devices hold every deployment to them: ferry bundle inspect shows the model.",
    exitCode: EXIT.usage,
  });
}

/** The number of the next one, unless somebody else begins one in between. */
async function nextRollout(store: Store): Promise<number> {
  const last = await store.selectFrom("rollouts").select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  return (last?.id ?? 0) + 1;
}

async function stageSelectors(store: Store, { stages }: RolloutSpec): Promise<readonly (Selector | null)[]> {
  const selectors: (Selector | null)[] = [];
  for (const { take } of stages)
    selectors.push(take.kind === "selector" ? await readSelector(store, take.selector) : null);
  return selectors;
}

async function matchingDevices(store: Store, request: RolloutSpec): Promise<readonly DeviceView[]> {
  if (request.devices !== undefined) {
    const views = await readDevices(store, request.devices);
    const missing = request.devices.filter((id) => !views.some((view) => view.id === id));
    if (missing.length === 0) return views;
    throw new FerryError("not-found", `There is no device ${missing.join(", ")}`, {
      hint: "See which there are with `ferry device list`.",
      exitCode: EXIT.notFound,
    });
  }
  const selector = await readSelector(store, request.selector ?? "");
  const views = (await readDevices(store)).filter(({ labels }) => selects(selector, labels));
  if (views.length > 0) return views;
  throw new FerryError(
    "not-found",
    request.selector === undefined || request.selector === ""
      ? "No device has joined the fleet yet"
      : `No device matches ${JSON.stringify(request.selector)}`,
    { hint: "See the devices and their labels with `ferry device list`.", exitCode: EXIT.notFound },
  );
}
