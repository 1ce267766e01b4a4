/** From what a person or program asked for to the whole specification: defaults filled in, and sense made of the sum. */
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import { defaultGates, deviceSoakFor } from "./default-gates.ts";
import { SPAN_MS_MAX, type RolloutRequest, type RolloutSpec, type RolloutStage } from "./rollout-spec.ts";

/** Long enough for a large model on a slow link; a try that ends here resumes where it was. */
const DEPLOYMENT_MS_MAX = 3_600_000;
/** Longer than any device holds its telemetry back while it is connected. */
const GATE_MS_MAX = 3_600_000;
/** A second and a third time, for what passes by itself. */
const RETRIES = 2;

/** Everything at once: one stage with all devices. */
export const WHOLE_FLEET: RolloutStage = {
  name: "100%",
  take: { kind: "share", share: 1, min: 1 },
  soakMs: 0,
  approval: "none",
};

/** A request that says only model, version and devices becomes one stage of all of them, without gates. */
export function completeSpec(request: RolloutRequest): RolloutSpec {
  const { selector, devices, stages = [WHOLE_FLEET], abort = null } = request;
  const { mode } = request;
  // What gates measure is what models answer.
  const gates = request.gates ?? (request.model === AGENT_NAME ? [] : [...defaultGates(stages, mode)]);
  const deviceSoakMs = request.deviceSoakMs ?? deviceSoakFor(gates, mode);
  // A device that soaks for hours beside the former version is not late.
  const deploymentMsMax = Math.min(SPAN_MS_MAX, DEPLOYMENT_MS_MAX + (mode === undefined ? 0 : (deviceSoakMs ?? 0)));
  return {
    ...request,
    ...(selector === undefined && devices === undefined ? { selector: "" } : {}),
    follow: request.follow ?? false,
    stages,
    gates,
    ...(deviceSoakMs === undefined ? {} : { deviceSoakMs }),
    abort,
    rate: request.rate ?? { perMinute: null, concurrent: null },
    window: request.window ?? null,
    deploymentMsMax: request.deploymentMsMax ?? deploymentMsMax,
    gateMsMax: request.gateMsMax ?? GATE_MS_MAX,
    retries: request.retries ?? RETRIES,
    quorum: request.quorum ?? 1 - (abort?.failedShareMax ?? 0),
    priority: request.priority ?? 0,
    allowInterfaceChange: request.allowInterfaceChange ?? false,
  };
}
