import type { Clock } from "../../../common/clock.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { DeviceView } from "../../fleet/device-view.ts";
import { readDevices } from "../../fleet/read-devices.ts";
import { readSelector } from "../../fleet/groups.ts";
import { selects } from "../../fleet/selector.ts";
import { interfaceLineText } from "../../rollout/interface-difference.ts";
import { planRollout, type RolloutPlan } from "../../rollout/plan.ts";
import type { RolloutRequest } from "../../rollout/rollout-spec.ts";
import { checkedSpec } from "../../rollout/checked-spec.ts";
import { createRollout } from "../../rollout/create-rollout.ts";
import { oneRollout } from "../../rollout/apply-verb.ts";
import { bundleByLabel, bundlesOf, type CatalogueEntry } from "../../store/catalogue.ts";
import type { Store } from "../../store/store.ts";
import type { Handlers } from "../bind-routes.ts";
import type { Plan } from "../rollout-routes.ts";
import { withCounts } from "./rollout-verb-handlers.ts";

export interface RolloutHandlerPorts {
  readonly store: Store;
  /** Decides about the new rollout at once. */
  readonly settle: () => Promise<void>;
  readonly clock: Clock;
}

export function rolloutHandlers(ports: RolloutHandlerPorts): Pick<Handlers, "planRollout" | "createRollout"> {
  const { store, clock } = ports;
  return {
    planRollout: async ({ body }) => {
      checkedSpec(body, clock.nowMs());
      const { entry, plan } = await planFor(store, body);
      return planOf(entry, plan);
    },
    createRollout: async ({ body }, { operator, audit }) => {
      const spec = checkedSpec(body, clock.nowMs());
      const { entry, plan } = await planFor(store, body);
      const devices = plan.devices.filter(({ action }) => action !== "cannot").map(({ device }) => device);
      requireSomething(entry, plan, devices.length);
      const rollout = { entry, spec, selector: selectorText(body), author: operator.name, devices };
      const detail = `${body.model}@${body.version} to ${devices.length} devices (${rollout.selector})`;
      const id = await createRollout(store, rollout, clock.nowMs(), (made) =>
        audit({ target: `rollout ${made}`, detail }),
      );
      await ports.settle();
      return { rollout: await withCounts(store, await oneRollout(store, id)), plan: planOf(entry, plan) };
    },
  };
}

interface Planned {
  readonly entry: CatalogueEntry;
  readonly plan: RolloutPlan;
}

async function planFor(store: Store, request: RolloutRequest): Promise<Planned> {
  const entry = await bundleByLabel(store, request.model, request.version);
  const devices = await matchingDevices(store, request);
  const plan = planRollout({
    bundle: entry,
    versions: await bundlesOf(store, request.model),
    devices,
    allowInterfaceChange: request.allowInterfaceChange === true,
  });
  return { entry, plan };
}

async function matchingDevices(store: Store, request: RolloutRequest): Promise<readonly DeviceView[]> {
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

/** A change of the interface stops the whole rollout: half a fleet with other inputs would help nobody. */
function requireSomething({ model }: CatalogueEntry, plan: RolloutPlan, devices: number): void {
  const [change] = plan.interfaceChanges;
  const isChange = plan.devices.some(({ obstacles }) => obstacles.some(({ code }) => code === "interface-change"));
  if (isChange && change !== undefined) {
    const difference = change.lines.map((line) => `  ${interfaceLineText(line)}`).join("\n");
    throw new FerryError(
      "interface-changed",
      `${model.name}@${model.version} has other inputs or outputs than ${model.name}@${change.from}:\n${difference}`,
      {
        hint: "Applications that call it would break. Give the model another name, or add --allow-interface-change when they change with it.",
        exitCode: EXIT.conflict,
      },
    );
  }
  if (devices > 0) return;
  const reasons = plan.devices.map(
    ({ device, obstacles }) => `${device}: ${obstacles.map(({ text }) => text).join("; ")}`,
  );
  throw new FerryError(
    "nothing-to-do",
    `No device that matches can take ${model.name}@${model.version}: ${reasons.slice(0, REASONS_MAX).join(", ")}`,
    { hint: "See all of them with --dry-run.", exitCode: EXIT.conflict },
  );
}

/** In one sentence for a person. */
const REASONS_MAX = 5;

function selectorText({ selector, devices }: RolloutRequest): string {
  if (devices !== undefined)
    return devices.length === 1 ? `device ${devices.join("")}` : `${devices.length} devices by id`;
  return selector === undefined || selector === "" ? "all devices" : selector;
}

function planOf({ statement, model, archive }: CatalogueEntry, plan: RolloutPlan): Plan {
  return {
    model: model.name,
    version: model.version,
    statement,
    archiveBytes: archive.length,
    devices: plan.devices.map(({ device, online, from, action, obstacles }) => ({
      device,
      online,
      from: from ?? null,
      action,
      obstacles: [...obstacles],
    })),
    interfaceChanges: plan.interfaceChanges.map(({ from, lines }) => ({ from, lines: lines.map(interfaceLineText) })),
  };
}
