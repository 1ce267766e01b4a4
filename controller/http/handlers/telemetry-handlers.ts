import { Readable } from "node:stream";
import { readDevices } from "../../fleet/read-devices.ts";
import { accountsOf } from "../../reports/telemetry-accounts.ts";
import type { Store } from "../../store/store.ts";
import { exportRecords } from "../../telemetry/export-records.ts";
import { csv, jsonLines } from "../../telemetry/export-text.ts";
import { listGaps } from "../../telemetry/gaps.ts";
import { listProblems } from "../../telemetry/problems.ts";
import { recountStreams } from "../../telemetry/recount.ts";
import { tailTelemetry } from "../../telemetry/tail.ts";
import type { Handlers } from "../bind-routes.ts";
import type { TELEMETRY_ROUTES } from "../telemetry-routes.ts";

export function telemetryHandlers(store: Store): Pick<Handlers, keyof typeof TELEMETRY_ROUTES> {
  return {
    tailTelemetry: async ({ query: { device, kind, cursor, limit } }) => {
      const filter = { ...(device === undefined ? {} : { device }), ...(kind === undefined ? {} : { kind }) };
      const page = await tailTelemetry(store, filter, { limit, ...(cursor === undefined ? {} : { cursor }) });
      return { records: [...page.records], cursor: page.cursor };
    },
    telemetryGaps: async ({ query: { device } }) => ({
      gaps: [...(await listGaps(store, device === undefined ? {} : { device }))],
    }),
    exportTelemetry: ({ query: { format, ...filter } }) => {
      const text = format === "csv" ? csv(() => exportRecords(store, filter)) : jsonLines(exportRecords(store, filter));
      return Promise.resolve(Readable.from(text, { objectMode: false }));
    },
    telemetryProblems: async ({ query: { device } }) => ({ problems: [...(await listProblems(store, device))] }),
    telemetryAccounting: async ({ query: { device, verify } }) => {
      const devices = await readDevices(store, device === undefined ? undefined : [device]);
      const accounts = await accountsOf(store, devices);
      if (!verify) return { accounts: [...accounts] };
      const recounts = await recountStreams(store, device);
      const excessOf = new Map(recounts.map((one) => [`${one.device}/${one.stream}`, one.excess]));
      return {
        accounts: accounts.map((account) => ({
          ...account,
          recounted: account.received + (excessOf.get(`${account.device}/${account.stream}`) ?? 0),
        })),
      };
    },
  };
}
