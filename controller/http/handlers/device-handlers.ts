import type { Clock } from "../../../common/clock.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { publicKeyFromPem } from "../../../protocol/trust/keys.ts";
import type { DeviceView } from "../../fleet/device-view.ts";
import { recordEvent } from "../../fleet/events.ts";
import { changeLabels } from "../../fleet/labels.ts";
import { readDevices } from "../../fleet/read-devices.ts";
import { readSelector } from "../../fleet/groups.ts";
import { selects } from "../../fleet/selector.ts";
import { rolloutsOfDevice } from "../../rollout/rollouts.ts";
import type { Store } from "../../store/store.ts";
import { latestHealth } from "../../telemetry/latest-health.ts";
import type { Handlers } from "../bind-routes.ts";
import type { DEVICE_ROUTES, Device, DeviceDetail, ServedModel } from "../device-routes.ts";
import { modeText } from "../../rollout/mode-text.ts";

export function deviceHandlers(store: Store, clock: Clock): Pick<Handlers, keyof typeof DEVICE_ROUTES> {
  return {
    listDevices: async ({ query }) => {
      const selector = await readSelector(store, query.selector ?? "");
      const views = await readDevices(store);
      return { devices: views.filter(({ labels }) => selects(selector, labels)).map(deviceOf) };
    },
    getDevice: async ({ params }) => detailOf(store, await oneDevice(store, params.device)),
    labelDevice: async ({ params, body }, { audit }) => {
      await oneDevice(store, params.device);
      const changes = Object.entries(body.labels).map(([key, value]) =>
        value === null ? `${key}-` : `${key}=${value}`,
      );
      const record = audit({ target: params.device, detail: changes.join(" ") });
      await changeLabels(store, params.device, body.labels, record);
      const text = `labels of ${params.device}: ${changes.join(" ")}`;
      await recordEvent(store, { kind: "labels-changed", device: params.device, text }, clock.nowMs());
      return deviceOf(await oneDevice(store, params.device));
    },
  };
}

/** Throws `not-found`. */
export async function oneDevice(store: Store, id: DeviceId): Promise<DeviceView> {
  const [view] = await readDevices(store, [id]);
  if (view !== undefined) return view;
  throw new FerryError("not-found", `There is no device ${id}`, {
    hint: "See which there are with `ferry device list`; one appears when its agent has connected once.",
    exitCode: EXIT.notFound,
  });
}

export function deviceOf(view: DeviceView): Device {
  const { info } = view;
  return {
    id: view.id,
    online: view.online,
    onlineSinceMs: view.onlineSinceMs,
    lastHeardMs: view.lastHeardMs,
    labels: { ...view.labels },
    ...(info === undefined ? {} : { hardware: info.hardware.model, agentVersion: info.agentVersion }),
    models: (view.report?.slots ?? []).map(({ slot, phase, active, desired, refusal }): ServedModel => ({
      slot,
      phase,
      ...(active === undefined ? {} : { version: active.version, statement: active.statement }),
      ...(desired === undefined ? {} : { desired }),
      ...(refusal === undefined ? {} : { refusal }),
    })),
  };
}

async function detailOf(store: Store, view: DeviceView): Promise<DeviceDetail> {
  const { info, report, reportedMs, deployment } = view;
  const rollouts = await rolloutsOfDevice(store, view.id);
  const health = await latestHealth(store, view.id);
  return {
    device: deviceOf(view),
    firstSeenMs: view.firstSeenMs,
    operatorLabels: { ...view.operatorLabels },
    ...(info === undefined ? {} : { info, keyFingerprint: publicKeyFromPem(info.publicKey).fingerprint }),
    ...(report === undefined ? {} : { report }),
    ...(reportedMs === undefined ? {} : { reportedMs }),
    ...(health === undefined
      ? {}
      : { health: { atMs: health.atMs, receivedMs: health.receivedMs, fields: health.fields } }),
    ...(deployment === undefined
      ? {}
      : {
          deployment: {
            seq: deployment.seq,
            slots: deployment.slots.map(({ slot, version, statement, traffic }) => ({
              slot,
              version,
              statement,
              ...(traffic === undefined ? {} : { mode: modeText(traffic) }),
            })),
          },
        }),
    rollouts: rollouts.map(({ rollout, name, version, state, why }) => ({
      id: rollout,
      model: name,
      version,
      state,
      why,
    })),
  };
}
