/** A plan, as the API gives it. */
import type { Forecast } from "../../rollout/forecast.ts";
import { modeText } from "../../rollout/mode-text.ts";
import { interfaceLineText } from "../../rollout/interface-difference.ts";
import type { Planned } from "../../rollout/read-plan.ts";
import type { RolloutSpec } from "../../rollout/rollout-spec.ts";
import type { Plan } from "../rollout-routes.ts";

export function planShape(spec: RolloutSpec, { entry, plan, foresight, rivals }: Planned): Plan {
  const { statement, model, archive } = entry;
  return {
    model: model.name,
    version: model.version,
    statement,
    archiveBytes: archive.length,
    ...(spec.mode === undefined ? {} : { mode: modeText(spec.mode) }),
    devices: plan.devices.map(({ device, online, from, action, obstacles, provider, notes }) => {
      const foreseen = foresight.devices.get(device);
      const stage = foreseen?.stage ?? null;
      return {
        device,
        online,
        from: from ?? null,
        action,
        obstacles: [...obstacles],
        notes: [...notes],
        ...(provider === undefined ? {} : { provider }),
        ...(foreseen === undefined ? {} : { forecast: forecastShape(foreseen) }),
        stage: stage === null ? null : (spec.stages[stage]?.name ?? null),
      };
    }),
    interfaceChanges: plan.interfaceChanges.map(({ from, lines }) => ({ from, lines: lines.map(interfaceLineText) })),
    stages: foresight.stages.map((stage) => ({ ...stage })),
    rivals: rivals.map((rival) => ({ ...rival })),
  };
}

export function forecastShape({ bytes, ms, basis }: Forecast) {
  return { bytes, ms: ms ?? null, basis };
}
