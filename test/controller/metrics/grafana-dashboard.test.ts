import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { stringify } from "yaml";
import { METRICS } from "../../../controller/metrics/definitions.ts";
import { AGENT_METRICS, grafanaDashboard, ROWS } from "../../../controller/metrics/grafana-dashboard.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";
import { promtool, promtoolAbsent } from "../../support/promtool.ts";

const expressions = ROWS.flatMap(({ panels }) => panels).flatMap(({ queries }) =>
  queries.map(({ expression }) => expression),
);

interface GridPanel {
  readonly id: number;
  readonly type: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: unknown;
  readonly targets?: readonly { readonly refId: string; readonly datasource: unknown }[];
}

t.test("panels lie beside and below each other, each reads the data source that the person chose", async (t) => {
  const dashboard = grafanaDashboard();
  t.match(dashboard, {
    schemaVersion: 39,
    uid: "modelferry",
    templating: { list: [{ name: "datasource", type: "datasource", query: "prometheus" }, {}] },
  });
  const panels = dashboard["panels"] as readonly GridPanel[];
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { type, gridPos, datasource, targets = [] } of panels) {
    t.ok(gridPos.x + gridPos.w <= 24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        t.notOk(taken.has(`${x}/${y}`), "no two panels overlap");
        taken.add(`${x}/${y}`);
      }
    }
    if (type === "row") continue;
    for (const { datasource: own } of [{ datasource }, ...targets])
      t.same(own, { type: "prometheus", uid: "${datasource}" });
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
  }
});

t.test("every figure that is asked for is one of the controller's or an agent's", async (t) => {
  await using agent = await openServingAgent();
  await agent.serve(digitsFolder("1.1.0"));
  const text = await (await fetch(`${agent.url}/metrics`)).text();
  for (const name of AGENT_METRICS) t.ok(text.includes(`# TYPE ${name.replace(/_bucket$/, "")} `), name);
  const known: readonly string[] = [...Object.keys(METRICS), ...AGENT_METRICS];
  for (const name of expressions.join(" ").match(/\b(modelferry|ferry_agent)_[a-z_]+/g) ?? [])
    t.ok(known.includes(name), name);
  t.test("and Prometheus takes what the agent gives", { skip: promtoolAbsent }, async (t) => {
    t.equal(promtool(["check", "metrics"], text), "");
    const triton = await (await fetch(`${agent.url}/metrics?compat=triton`)).text();
    t.match(triton, /^nv_inference_count\{model="digits",version="1\.1\.0"\} 0$/m);
    // The linter wants `_total` and seconds, and Triton has neither: only the syntax is held against it.
    t.notMatch(promtool(["check", "metrics"], triton), /error while|parsing|second (HELP|TYPE)|invalid/i);
  });
});

t.test("Prometheus takes every expression", { skip: promtoolAbsent }, async (t) => {
  const rules = expressions.map((expression, at) => ({
    record: `panel_${at}`,
    expr: expression.replaceAll("$__rate_interval", "5m"),
  }));
  const path = join(t.testdir({}), "panels.yml");
  writeFileSync(path, stringify({ groups: [{ name: "panels", rules }] }));
  t.equal(promtool(["check", "rules", path]), "");
});
