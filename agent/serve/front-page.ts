/** `GET /` for people and programs, `GET /v2/models/:model/docs`, the figures that the page watches, `GET /healthz`. */
import type { IncomingHttpHeaders } from "node:http";
import type { InferenceEngine, ServedSlot } from "../inference/inference-engine.ts";
import { AGENT_VERSION } from "../version.ts";
import { servedVersion } from "./ask-model.ts";
import { jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";
import { modelDocs } from "./model-docs.ts";
import { docsPage } from "./page/docs-page.ts";
import { ExampleInputs } from "./page/example-inputs.ts";
import { html } from "./page/html.ts";
import type { LiveFigures } from "./page/live-figures.ts";
import { modelCard } from "./page/model-card.ts";
import { assetRoutes, pageAnswer, wantsPage } from "./page/page-answer.ts";
import { requestExamples } from "./page/request-examples.ts";

type Slots = Pick<InferenceEngine, "slots">;

export function frontPageRoutes(engine: Slots, figures: LiveFigures): [string, HttpHandler][] {
  const examples = new ExampleInputs();
  const docs: HttpHandler = async (request) => {
    const { model = "", version } = request.parameters;
    return answerDocs(servedVersion(engine, model, version), request, examples);
  };
  return [
    [
      "GET /",
      (request) =>
        wantsPage(request)
          ? frontPage(engine.slots(), examples)
          : jsonAnswer({ program: "modelferry agent", version: AGENT_VERSION, models: engine.slots().map(summary) }),
    ],
    ["GET /figures", () => jsonAnswer({ slots: figures.of() }, 200, { "cache-control": "no-store" })],
    ["GET /healthz", () => health(engine.slots())],
    ["GET /v2/models/:model/docs", docs],
    ["GET /v2/models/:model/versions/:version/docs", docs],
    ...assetRoutes(),
  ];
}

/** Well also with no model: the agent itself works, and a restart would not bring one. */
function health(slots: readonly ServedSlot[]): HttpAnswer {
  const restarting = slots.filter(({ ready }) => !ready).map(({ slot }) => slot);
  const status = restarting.length === 0 ? 200 : 503;
  return jsonAnswer({ ok: restarting.length === 0, models: slots.length, restarting }, status);
}

function summary({ slot, bundle, evidence, sinceMs, ready }: ServedSlot) {
  const { version, inputs, outputs, description } = bundle.model;
  return { slot, version, description, statement: bundle.statement, ready, sinceMs, inputs, outputs, evidence };
}

async function frontPage(slots: readonly ServedSlot[], examples: ExampleInputs): Promise<HttpAnswer> {
  const cards = await Promise.all(slots.map(async (served) => modelCard(served, await examples.of(served.bundle))));
  const none = html`<p>No model is served here yet. \`ferry rollout create\` on the controller brings one.</p>`;
  return pageAnswer(
    "Modelferry agent",
    html`<h1>What runs here</h1>
      ${cards.length === 0 ? none : cards}`,
  );
}

async function answerDocs(served: ServedSlot, request: HttpRequest, examples: ExampleInputs): Promise<HttpAnswer> {
  const document = modelDocs(served, baseUrl(request.headers));
  if (!wantsPage(request)) return jsonAnswer(document);
  const { slot, bundle } = served;
  const options = {
    slot,
    inputs: await examples.of(bundle),
    outputs: bundle.model.outputs,
    baseUrl: baseUrl(request.headers),
    asksForToken: request.headers.authorization !== undefined,
  };
  const content = docsPage({ served, paths: document.paths, examples: requestExamples(options) });
  return pageAnswer(`${slot} ${bundle.model.version}`, content);
}

/** As the caller reached this device: what it copies works for it too. */
function baseUrl({ host = "" }: IncomingHttpHeaders): string {
  return `http://${/^[\w.:[\]-]{1,255}$/.test(host) ? host : "127.0.0.1:8080"}`;
}
