/** One model on the front page: what it is, what its self-test measured here, what is asked of it, and a form to try it. */
import { mediaInput } from "../../../protocol/bundle/preprocessing.ts";
import type { TensorSpec } from "../../../protocol/tensor.ts";
import type { ServedSlot } from "../../inference/inference-engine.ts";
import type { ExampleInput } from "./example-inputs.ts";
import { html, type Html } from "./html.ts";
import { predictBody } from "./request-examples.ts";

export function modelCard(served: ServedSlot, examples: readonly ExampleInput[]): Html {
  const { slot, bundle, ready, sinceMs } = served;
  const { version, description } = bundle.model;
  const heading = `model-${slot}`;
  return html`<section aria-labelledby="${heading}">
    <h2 id="${heading}">${slot} <span class="version">${version}</span></h2>
    ${description === undefined ? "" : html`<p>${description}</p>`}
    <p>
      ${ready ? html`<strong class="ready">answers</strong>` : html`<strong class="away">its runner restarts</strong>`}
      since <time datetime="${new Date(sinceMs).toISOString()}">${minutesText(sinceMs)}</time>
    </p>
    <dl class="figures" data-slot="${slot}">
      ${figure("rate", "requests a second")} ${figure("p95", "95 % within")} ${figure("answered", "answered")}
      ${figure("failed", "failed")}
    </dl>
    <dl>
      ${facts(served).map(
        ([term, text]) =>
          html`<dt>${term}</dt>
            <dd>${text}</dd>`,
      )}
    </dl>
    ${form(served, examples)}
    <p>
      <a href="/v2/models/${encodeURIComponent(slot)}/docs">How to ask ${slot}</a> ·
      <a href="/v2/models/${encodeURIComponent(slot)}/stats">statistics</a> ·
      <a href="/v2/models/${encodeURIComponent(slot)}/config">configuration</a>
    </p>
  </section> `;
}

function figure(name: string, term: string): Html {
  return html`<div>
    <dt>${term}</dt>
    <dd data-figure="${name}">–</dd>
  </div>`;
}

function facts({ bundle, evidence, trial }: ServedSlot): readonly (readonly [string, string])[] {
  const { inputs, outputs } = bundle.model;
  const {
    goldenPassed,
    goldenCases,
    latencyP50Ms,
    latencyP95Ms,
    memoryBytes,
    provider,
    failedProviders = [],
  } = evidence;
  const why = failedProviders.map((failed) => `; not on ${failed.provider}: ${failed.why}`).join("");
  const soaking: readonly (readonly [string, string])[] =
    trial === undefined ? [] : [["Soaking beside it", trial.bundle.model.version]];
  return [
    ["Self-test", `${goldenPassed} of ${goldenCases} golden cases passed on this device`],
    ["Its latency", `median ${latencyP50Ms.toFixed(2)} ms, 95 % within ${latencyP95Ms.toFixed(2)} ms`],
    ["Memory", `${(memoryBytes / 1e6).toFixed(0)} MB`],
    ["Runs on", `${provider}${why}`],
    ...soaking,
    ["Inputs", specsText(inputs)],
    ["Outputs", specsText(outputs)],
    ["Digest", bundle.statement],
  ];
}

function specsText(specs: readonly TensorSpec[]): string {
  return specs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(", ")}]`).join("; ");
}

function form({ slot, bundle }: ServedSlot, examples: readonly ExampleInput[]): Html {
  const kind = mediaInput(bundle.model.preprocessing)?.kind;
  const body = predictBody(examples);
  if (kind === undefined && body === undefined)
    return html`<p>
      Its inputs are too many for a form, or of a kind that JSON does not carry: the link below has requests that work.
    </p>`;
  const accepted = kind === "picture" ? "image/jpeg,image/png" : "audio/wav";
  return html`<form action="/predict/${encodeURIComponent(slot)}" data-predict>
    ${kind === undefined ? "" : html`<label>Try it with a file: <input type="file" name="file" accept="${accepted}" /></label>`}
    ${
      body === undefined
        ? ""
        : html`<label
              >Try it with numbers: <code>POST /predict/${slot}</code>
              <textarea name="body" spellcheck="false">${body}</textarea>
            </label>
            <button>Predict</button>`
    }
    <pre role="status" aria-label="Answer of ${slot}" tabindex="0">The answer comes here.</pre>
  </form>`;
}

function minutesText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
