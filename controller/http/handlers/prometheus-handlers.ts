import { readDevices } from "../../fleet/read-devices.ts";
import { readSelector } from "../../fleet/groups.ts";
import { selects } from "../../fleet/selector.ts";
import { scrapeTargets } from "../../metrics/scrape-targets.ts";
import type { Store } from "../../store/store.ts";
import type { Handlers } from "../bind-routes.ts";
import type { PROMETHEUS_ROUTES } from "../prometheus-routes.ts";

export function prometheusHandlers(store: Store): Pick<Handlers, keyof typeof PROMETHEUS_ROUTES> {
  return {
    prometheusTargets: async ({ query }) => {
      const selector = await readSelector(store, query.selector ?? "");
      const devices = await readDevices(store);
      return scrapeTargets(devices.filter(({ labels }) => selects(selector, labels)));
    },
  };
}
