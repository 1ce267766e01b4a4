/** How to ask one model, for a person: endpoints, tensors, and requests to copy. Programs get OpenAPI at the same address. */
import type { TensorSpec } from "../../../protocol/tensor.ts";
import type { ServedSlot } from "../../inference/inference-engine.ts";
import { html, type Html } from "./html.ts";
import type { RequestExample } from "./request-examples.ts";

export interface DocsPage {
  readonly served: ServedSlot;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary: string }>>>>;
  readonly examples: readonly RequestExample[];
}

export function docsPage({ served, paths, examples }: DocsPage): Html {
  const { slot, bundle } = served;
  const { version, description, inputs, outputs } = bundle.model;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary }]) => ({ method: method.toUpperCase(), path, summary })),
  );
  return html`<h1>${slot} <span class="version">${version}</span></h1>
    ${description === undefined ? "" : html`<p>${description}</p>`}
    <section aria-labelledby="ask">
      <h2 id="ask">Ask it</h2>
      ${examples.map(exampleBlock)}
    </section>
    <section aria-labelledby="tensors">
      <h2 id="tensors">Tensors</h2>
      ${tensorTable("Inputs", inputs)} ${tensorTable("Outputs", outputs)}
      <p>
        In JSON values stand row by row, flat or in arrays of arrays. FP16 and integers beyond 2<sup>53</sup> travel in
        binary only. A dimension “any” varies from request to request; <code>/predict</code> takes one example without
        its first dimension too.
      </p>
    </section>
    <section aria-labelledby="endpoints">
      <h2 id="endpoints">Endpoints</h2>
      <div class="wide" tabindex="0" role="region" aria-label="Table of endpoints">
        <table>
          <tbody>
            ${operations.map(
              ({ method, path, summary }) =>
                html`<tr>
                  <th scope="row"><code>${method} ${path}</code></th>
                  <td>${summary}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p>
        A request that does not fit is answered with 400 and a sentence in <code>error</code> that names what is wrong.
        Without <code>Accept: text/html</code> this address answers with the same as OpenAPI 3.1.
      </p>
    </section>`;
}

function exampleBlock({ title, code }: RequestExample, at: number): Html {
  const id = `example-${String(at)}`;
  return html`<div class="code">
      <h3>${title}</h3>
      <button class="copy" data-of="${id}" aria-label="Copy: ${title}">Copy</button>
    </div>
    <pre id="${id}" tabindex="0" aria-label="${title}">${code}</pre>`;
}

function tensorTable(caption: string, specs: readonly TensorSpec[]): Html {
  return html`<h3>${caption}</h3>
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Datatype</th>
          <th scope="col">Shape</th>
        </tr>
      </thead>
      <tbody>
        ${specs.map(
          ({ name, datatype, shape }) =>
            html`<tr>
              <td><code>${name}</code></td>
              <td>${datatype}</td>
              <td>
                ${shape.length === 0 ? "a scalar" : shape.map((size) => (size === -1 ? "any" : String(size))).join(" × ")}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}
