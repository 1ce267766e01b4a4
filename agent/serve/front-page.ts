import type { InferenceEngine, ServedSlot } from "../inference/inference-engine.ts";
import { AGENT_VERSION } from "../version.ts";
import { jsonAnswer, type HttpHandler } from "./http-answer.ts";

/** `GET /` for people and programs, `GET /healthz` for whatever restarts things. */
export function frontPageRoutes(engine: Pick<InferenceEngine, "slots">): [string, HttpHandler][] {
  return [
    [
      "GET /",
      ({ headers }) =>
        headers.accept?.includes("text/html") === true
          ? { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: page(engine.slots()) }
          : jsonAnswer({ program: "modelferry agent", version: AGENT_VERSION, models: engine.slots().map(summary) }),
    ],
    ["GET /healthz", () => health(engine.slots())],
  ];
}

/** Well also with no model: the agent itself works, and a restart would not bring one. */
function health(slots: readonly ServedSlot[]) {
  const restarting = slots.filter(({ ready }) => !ready).map(({ slot }) => slot);
  return jsonAnswer(
    { ok: restarting.length === 0, models: slots.length, restarting },
    restarting.length === 0 ? 200 : 503,
  );
}

function summary({ slot, bundle, evidence, sinceMs, ready }: ServedSlot) {
  const { version, inputs, outputs, description } = bundle.model;
  return { slot, version, description, statement: bundle.statement, ready, sinceMs, inputs, outputs, evidence };
}

function page(slots: readonly ServedSlot[]): string {
  const models = slots.map(section).join("") || "<p>No model is served here yet.</p>";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Modelferry agent</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem }
dd { margin: 0; overflow-wrap: anywhere }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8888 }
</style>
</head>
<body>
<h1>Modelferry agent ${escape(AGENT_VERSION)}</h1>
${models}
<p><a href="/status">Status</a> · <a href="/metrics">metrics</a> · <a href="/v2">Open Inference Protocol</a></p>
</body>
</html>
`;
}

function section({ slot, bundle, evidence, sinceMs, ready }: ServedSlot): string {
  const facts: [string, string][] = [
    ["State", ready ? "answers" : "its runner restarts"],
    ["Serving since", new Date(sinceMs).toISOString()],
    ["Bundle", bundle.statement],
    ["Self-test", `${evidence.goldenPassed} of ${evidence.goldenCases} golden cases passed on this device`],
    ["Latency", `median ${evidence.latencyP50Ms.toFixed(2)} ms, 95 % within ${evidence.latencyP95Ms.toFixed(2)} ms`],
    ["Memory", `${(evidence.memoryBytes / 1e6).toFixed(0)} MB`],
    ["Runs on", evidence.provider],
    [
      "Inputs",
      bundle.model.inputs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(", ")}]`).join("; "),
    ],
    [
      "Outputs",
      bundle.model.outputs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(", ")}]`).join("; "),
    ],
  ];
  const rows = facts.map(([term, text]) => `<dt>${escape(term)}</dt><dd>${escape(text)}</dd>`).join("\n");
  return `<h2>${escape(slot)} ${escape(bundle.model.version)}</h2>
<p>${escape(bundle.model.description ?? "")}</p>
<dl>
${rows}
</dl>
<pre>curl -d '{"inputs": {"${escape(bundle.model.inputs[0]?.name ?? "x")}": […]}}' http://…/predict/${escape(slot)}</pre>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
