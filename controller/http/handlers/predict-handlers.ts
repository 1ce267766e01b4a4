import type { Clock } from "../../../common/clock.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { ModelName, ModelVersion } from "../../../protocol/ids.ts";
import type { FeedbackAnswer, FeedbackEntries } from "../../../protocol/messages/feedback.ts";
import { tensorFromValues, valuesFromTensor } from "../../../protocol/tensor-values.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { decodeBase64 } from "../../../protocol/trust/base64.ts";
import type { Tensor, TensorSpec } from "../../../protocol/tensor.ts";
import { slotReportOf, type DeviceView } from "../../fleet/device-view.ts";
import { tensorsByName } from "../../predict/named-inputs.ts";
import type { PredictCaller } from "../../predict/predict-caller.ts";
import { bundleByLabel, bundleByStatement } from "../../store/catalogue.ts";
import type { Store } from "../../store/store.ts";
import type { Handlers } from "../bind-routes.ts";
import type { PredictBody, PREDICT_ROUTES } from "../predict-routes.ts";
import { oneDevice } from "./device-handlers.ts";

/** A person at a terminal waits no longer; programs say their own. */
const TIMEOUT_MS = 10_000;

export interface PredictHandlerPorts {
  readonly store: Store;
  readonly ask: PredictCaller["ask"];
  readonly tell: PredictCaller["tell"];
  readonly clock: Clock;
}

export function predictHandlers(ports: PredictHandlerPorts): Pick<Handlers, keyof typeof PREDICT_ROUTES> {
  const { store, ask, tell, clock } = ports;
  return {
    feedback: async ({ params, body }, { audit }) => {
      const device = await oneDevice(store, params.device);
      requireOnline(device);
      const timeoutMs = body.timeoutMs ?? TIMEOUT_MS;
      const { feedback } = await tell({ device: device.id, model: params.model, feedback: body.feedback, timeoutMs });
      const entry = { target: `${device.id}/${params.model}`, detail: toldText(body.feedback, feedback) };
      await store.transaction().execute(audit(entry));
      return feedback;
    },
    predict: async ({ params, body }) => {
      const device = await oneDevice(store, params.device);
      requireOnline(device);
      const inputs = await inputsOf(store, device, params.model, body);
      const startedMs = clock.monotonicMs();
      const answer = await ask({
        device: device.id,
        model: params.model,
        id: body.id,
        key: body.key,
        version: body.version,
        inputs,
        media: body.media === undefined ? undefined : decodeBase64("media", body.media),
        outputs: body.outputs?.map(({ name }) => name),
        timeoutMs: body.timeoutMs ?? TIMEOUT_MS,
      });
      return {
        model_name: answer.model,
        model_version: answer.version,
        id: answer.id,
        outputs: answer.outputs.map((tensor) => ({
          name: tensor.name,
          datatype: tensor.datatype,
          shape: [...tensor.shape],
          data: valuesFromTensor(tensor),
        })),
        ...(answer.results && { results: answer.results }),
        ...(answer.times && { times: answer.times }),
        parameters: { round_trip_ms: clock.monotonicMs() - startedMs },
      };
    },
  };
}

/** The digest binds the entry to what was told: whoever has the labels can show that it was these. */
function toldText(told: FeedbackEntries, { joined, duplicate, unknown, unfit }: FeedbackAnswer): string {
  const digest = sha256(JSON.stringify(told)).slice(0, 16);
  return `${told.length} truths (sha256 ${digest}…): ${joined} counted, ${duplicate} known, ${unknown} unknown, ${unfit} unfit`;
}

function requireOnline({ id, online, onlineSinceMs }: DeviceView): void {
  if (online) return;
  throw new FerryError("device-offline", `${id} is offline since ${new Date(onlineSinceMs).toISOString()}`, {
    hint: `It cannot be asked until it is back: \`ferry device show ${id}\`.`,
    exitCode: EXIT.unreachable,
  });
}

async function inputsOf(store: Store, device: DeviceView, model: ModelName, body: PredictBody): Promise<Tensor[]> {
  const { inputs, media, version } = body;
  if (inputs === undefined) {
    if (media !== undefined) return [];
    throw new FerryError("bad-input", "The request has neither inputs nor media", { exitCode: EXIT.usage });
  }
  if (Array.isArray(inputs)) return inputs.map(({ data, ...tensor }) => tensorFromValues(tensor, data));
  return tensorsByName(inputs, await declaredInputs(store, device, model, version));
}

/** Of the version asked for, else of the one that the device serves. */
async function declaredInputs(
  store: Store,
  device: DeviceView,
  model: ModelName,
  version: ModelVersion | undefined,
): Promise<readonly TensorSpec[]> {
  if (version !== undefined) return (await bundleByLabel(store, model, version)).model.inputs;
  const active = slotReportOf(device, model)?.active;
  const entry = active === undefined ? undefined : await bundleByStatement(store, active.statement);
  if (entry !== undefined) return entry.model.inputs;
  throw new FerryError(
    "not-found",
    active === undefined
      ? `${device.id} does not serve ${model}`
      : `The catalogue does not have ${model}@${active.version}, so its datatypes are not known here`,
    {
      hint: "Give OIP tensors with datatype and shape instead, or see what it serves: `ferry device show`.",
      exitCode: EXIT.notFound,
    },
  );
}
