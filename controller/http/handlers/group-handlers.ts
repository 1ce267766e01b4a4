import type { Clock } from "../../../common/clock.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import type { DeviceView } from "../../fleet/device-view.ts";
import { listGroups, lookupIn, oneGroup, setGroup } from "../../fleet/groups.ts";
import { readDevices } from "../../fleet/read-devices.ts";
import { selects } from "../../fleet/selector.ts";
import { deleteGroup, usersOfGroup } from "../../rollout/delete-group.ts";
import type { Store } from "../../store/store.ts";
import type { DeviceGroupRow } from "../../store/tables.ts";
import type { Handlers } from "../bind-routes.ts";
import type { Group, GROUP_ROUTES } from "../group-routes.ts";

export function groupHandlers(store: Store, clock: Clock): Pick<Handlers, keyof typeof GROUP_ROUTES> {
  return {
    listGroups: async () => {
      const rows = await listGroups(store);
      const views = await readDevices(store);
      return { groups: rows.map((row) => groupOf(row, devicesIn(row, rows, views).length)) };
    },
    getGroup: async ({ params }) => {
      const row = await oneGroup(store, params.group);
      const devices = await devicesNow(store, row);
      const users = await usersOfGroup(store, row.name);
      return { group: groupOf(row, devices.length), devices, users: [...users] };
    },
    setGroup: async ({ body: { name, selector, replace = false } }, { audit }) => {
      const record = audit({ target: `group ${name}`, detail: selector });
      const outcome = await setGroup(store, { name, selector, replace }, clock.nowMs(), record);
      const row = await oneGroup(store, name);
      return { group: groupOf(row, (await devicesNow(store, row)).length), outcome };
    },
    deleteGroup: async ({ params }, { audit }) => {
      await deleteGroup(store, params.group, audit({ target: `group ${params.group}` }));
      return { name: params.group };
    },
  };
}

async function devicesNow(store: Store, row: DeviceGroupRow): Promise<DeviceId[]> {
  return devicesIn(row, await listGroups(store), await readDevices(store));
}

function devicesIn({ name }: DeviceGroupRow, groups: readonly DeviceGroupRow[], views: readonly DeviceView[]) {
  const selector = lookupIn(groups)(name);
  return views.filter(({ labels }) => selects(selector, labels)).map(({ id }) => id);
}

function groupOf({ name, selector, created_ms, changed_ms }: DeviceGroupRow, devices: number): Group {
  return { name, selector, createdMs: created_ms, changedMs: changed_ms, devices };
}
