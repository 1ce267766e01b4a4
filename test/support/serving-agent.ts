/** The agent's engine and HTTP server with models in them, as a test of either side needs them. */
import type { InferenceEngine, VerifiedBundle } from "../../agent/inference/inference-engine.ts";
import { openInferenceEngine } from "../../agent/inference/open-inference-engine.ts";
import { openFeedback, type Feedback } from "../../agent/monitor/feedback.ts";
import { systemClock } from "../../common/clock.ts";
import { openHttpServer, type HttpServerOptions } from "../../agent/serve/http-server.ts";
import { openLog } from "../../common/log.ts";

export interface ServingAgent extends AsyncDisposable {
  readonly engine: InferenceEngine;
  readonly url: string;
  readonly feedback: Feedback;
  readonly serve: (bundle: VerifiedBundle) => Promise<void>;
}

export async function openServingAgent(
  options: Pick<HttpServerOptions, "extraRoutes" | "limits" | "tokens"> = {},
): Promise<ServingAgent> {
  const log = openLog("test", "silent");
  const engine = openInferenceEngine({ log, intraOpThreads: 1 });
  const feedback = openFeedback({ engine, clock: systemClock });
  const http = await openHttpServer({ engine, feedback, port: 0, log, ...options });
  return {
    engine,
    url: http.url,
    feedback,
    serve: async (bundle) => {
      const qualification = await engine.qualify(bundle.model.name, bundle, new AbortController().signal);
      if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
      await engine.activate(bundle.model.name, qualification.candidate);
      await engine.release(bundle.model.name);
    },
    [Symbol.asyncDispose]: async () => {
      await http[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
    },
  };
}
