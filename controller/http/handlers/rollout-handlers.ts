import type { Clock } from "../../../common/clock.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { VouchedBundles } from "../../bundles/vouched-bundles.ts";
import { interfaceLineText } from "../../rollout/interface-difference.ts";
import type { RolloutPlan } from "../../rollout/plan.ts";
import { readPlan } from "../../rollout/read-plan.ts";
import type { RolloutRequest, RolloutSpec } from "../../rollout/rollout-spec.ts";
import { checkedSpec } from "../../rollout/checked-spec.ts";
import { createRollout } from "../../rollout/create-rollout.ts";
import { oneRollout } from "../../rollout/apply-verb.ts";
import type { CatalogueEntry } from "../../store/catalogue.ts";
import type { Store } from "../../store/store.ts";
import type { Handlers } from "../bind-routes.ts";
import { planShape } from "./plan-shape.ts";
import { withCounts } from "./rollout-verb-handlers.ts";

export interface RolloutHandlerPorts {
  readonly store: Store;
  /** Decides about the new rollout at once. */
  readonly settle: () => Promise<void>;
  /** False for a bundle that only a replaced publisher has signed. */
  readonly isVouched: VouchedBundles["isVouched"];
  readonly clock: Clock;
}

export function rolloutHandlers(ports: RolloutHandlerPorts): Pick<Handlers, "planRollout" | "createRollout"> {
  const { store, isVouched, clock } = ports;
  const plan = async (spec: RolloutSpec) => {
    const planned = await readPlan(store, spec, clock.nowMs());
    requireVouched(planned.entry, isVouched);
    return planned;
  };
  return {
    planRollout: async ({ body }) => {
      const spec = checkedSpec(body, clock.nowMs());
      return planShape(spec, await plan(spec));
    },
    createRollout: async ({ body }, { operator, audit }) => {
      const spec = checkedSpec(body, clock.nowMs());
      const planned = await plan(spec);
      const { entry, foresight } = planned;
      const devices = planned.plan.devices.filter(({ action }) => action !== "cannot").map(({ device }) => device);
      requireSomething(entry, planned.plan, devices.length);
      const rollout = {
        entry,
        spec,
        selector: selectorText(body),
        author: operator.name,
        devices,
        foretold: foresight.devices,
      };
      const detail = `${body.model}@${body.version} to ${devices.length} devices (${rollout.selector})`;
      const id = await createRollout(store, rollout, clock.nowMs(), (made) =>
        audit({ target: `rollout ${made}`, detail }),
      );
      await ports.settle();
      return { rollout: await withCounts(store, await oneRollout(store, id)), plan: planShape(spec, planned) };
    },
  };
}

/** Every device with the newest root would refuse it: said before anything is sent. */
export function requireVouched({ statement, model }: CatalogueEntry, isVouched: VouchedBundles["isVouched"]): void {
  if (isVouched(statement)) return;
  throw new FerryError(
    "bundle-unvouched",
    `Only a replaced publisher has signed ${model.name}@${model.version}: devices refuse it`,
    {
      hint: "Sign it with a present publisher's key under another version, push that, and roll that out.",
      exitCode: EXIT.conflict,
    },
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

export function selectorText({ selector, devices }: Pick<RolloutRequest, "selector" | "devices">): string {
  if (devices !== undefined)
    return devices.length === 1 ? `device ${devices.join("")}` : `${devices.length} devices by id`;
  return selector === undefined || selector === "" ? "all devices" : selector;
}
