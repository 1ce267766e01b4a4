import { listEvents } from "../../fleet/events.ts";
import { listBundles } from "../../store/catalogue.ts";
import type { Store } from "../../store/store.ts";
import type { TransferStatus } from "../../transfer/transfer-service.ts";
import type { Handlers } from "../bind-routes.ts";
import type { FLEET_ROUTES, Status } from "../fleet-routes.ts";

export interface FleetHandlerPorts {
  readonly store: Store;
  /** What the database does not know: the program itself. */
  readonly status: () => Omit<Status, "devices">;
  readonly transfers: () => readonly TransferStatus[];
}

export function fleetHandlers(ports: FleetHandlerPorts): Pick<Handlers, keyof typeof FLEET_ROUTES> {
  const { store } = ports;
  return {
    getHealth: () => Promise.resolve({ status: ports.status().status }),
    getStatus: async () => ({ ...ports.status(), devices: await countDevices(store) }),
    listEvents: async ({ query }) => {
      const rows = await listEvents(store, query);
      return { events: rows.map(({ id, at_ms: atMs, kind, device, text }) => ({ id, atMs, kind, device, text })) };
    },
    listTransfers: async () => {
      const active = ports.transfers();
      const entries = active.length === 0 ? [] : await listBundles(store);
      return {
        transfers: active.map((status) => {
          const model = entries.find(({ archive }) => archive.sha256 === status.archive)?.model;
          return {
            ...status,
            ...(model === undefined ? {} : { bundle: { model: model.name, version: model.version } }),
          };
        }),
      };
    },
  };
}

async function countDevices(store: Store): Promise<Status["devices"]> {
  const { total, online } = await store
    .selectFrom("devices")
    .select(({ fn }) => [fn.countAll<number>().as("total"), fn.sum<number | null>("online").as("online")])
    .executeTakeFirstOrThrow();
  return { total, online: online ?? 0 };
}
