import { nestValues } from "../../protocol/tensor-values.ts";
import { elementCount, type TensorSpec } from "../../protocol/tensor.ts";
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
pre, textarea { overflow-x: auto; padding: .6rem; border: 1px solid #8888; width: 100%; box-sizing: border-box }
textarea { font: .85rem/1.4 ui-monospace, monospace; min-height: 6rem }
</style>
</head>
<body>
<h1>Modelferry agent ${escape(AGENT_VERSION)}</h1>
${models}
<script>
for (const form of document.forms) form.onsubmit = async (event) => {
  event.preventDefault();
  const answer = form.querySelector("output");
  const startedMs = performance.now();
  try {
    const response = await fetch(form.action, { method: "POST", body: form.elements.body.value });
    const text = JSON.stringify(await response.json(), undefined, 2);
    answer.textContent = response.status + " in " + (performance.now() - startedMs).toFixed(1) + " ms\\n" + text;
  } catch (error) {
    answer.textContent = String(error);
  }
};
</script>
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
<form action="/predict/${escape(slot)}">
<label>Try it: <code>POST /predict/${escape(slot)}</code>
<textarea name="body" spellcheck="false">${escape(exampleRequest(bundle.model.inputs))}</textarea></label>
<button>Predict</button>
<pre><output></output></pre>
</form>
<p><a href="/v2/models/${escape(slot)}/docs">OpenAPI</a> · <a href="/v2/models/${escape(slot)}/stats">statistics</a> · <a href="/v2/models/${escape(slot)}/config">configuration</a></p>
`;
}

/** Numbers that a form begins with; a model with larger inputs gets the beginning of its inputs to fill in. */
const EXAMPLE_VALUES_MAX = 4_096;

/** Zeros of the right shape, one example. */
function exampleRequest(inputs: readonly TensorSpec[]): string {
  const values = inputs.map(({ name, datatype, shape }) => {
    const one = shape.map((size) => (size === -1 ? 1 : size));
    const zero = datatype === "BYTES" ? "" : datatype === "BOOL" ? false : 0;
    const flat = Array.from({ length: Math.min(EXAMPLE_VALUES_MAX, elementCount(one)) }, () => zero);
    return [name, nestValues(flat, one)];
  });
  return JSON.stringify({ inputs: Object.fromEntries(values) as unknown });
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
