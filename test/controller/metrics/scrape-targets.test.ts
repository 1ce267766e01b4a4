import t from "tap";
import { scrapeTargets } from "../../../controller/metrics/scrape-targets.ts";
import { deviceView, INFO } from "../../support/device-views.ts";

const device = (id: string, httpUrl: string | undefined, labels: Record<string, string> = {}) =>
  deviceView(id, { labels, info: { ...INFO, ...(httpUrl === undefined ? {} : { httpUrl }) } });

t.test("agents that can be reached from elsewhere are targets, with their ids and labels", async (t) => {
  const targets = scrapeTargets([
    device("cam-1", "http://10.0.0.7:8080", { site: "oslo", "tier.of/gold": "yes" }),
    device("cam-2", "http://127.0.0.1:8080"),
    device("cam-3", "http://0.0.0.0:8080"),
    device("cam-4", "http://0.0.0.0:8080", { address: "cam-4.example" }),
    device("cam-5", "http://[::1]:8080"),
    device("cam-6", "https://edge.example"),
    device("cam-7", "no address"),
    deviceView("cam-8", { info: undefined }),
  ]);
  t.same(targets, [
    {
      targets: ["10.0.0.7:8080"],
      labels: { label_site: "oslo", label_tier_of_gold: "yes", __scheme__: "http", device: "cam-1" },
    },
    {
      targets: ["cam-4.example:8080"],
      labels: { label_address: "cam-4.example", __scheme__: "http", device: "cam-4" },
    },
    { targets: ["edge.example:443"], labels: { __scheme__: "https", device: "cam-6" } },
  ]);
});
