/** `POST /v2/models/:model/feedback`: truth for predictions that were made before; `GET`: how good they were. */
import { Type } from "typebox";
import { FeedbackEntries, FeedbackEntry } from "../../protocol/messages/feedback.ts";
import { gate, parseJson } from "../../protocol/schema.ts";
import type { InferenceEngine } from "../inference/inference-engine.ts";
import type { ClassFigures } from "../monitor/feedback-score.ts";
import type { Feedback, VersionFeedback } from "../monitor/feedback.ts";
import { PREDICTION_AGE_MS_MAX, PREDICTIONS_BYTES_MAX, PREDICTIONS_MAX } from "../monitor/prediction-window.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";

/** A thousand entries of the longest ids and labels. */
const FEEDBACK_BYTES_MAX = 2 * 1024 ** 2;

const check = gate(
  "feedback",
  Type.Union([FeedbackEntry, FeedbackEntries, Type.Object({ feedback: FeedbackEntries })]),
);

export function feedbackRoutes(engine: Pick<InferenceEngine, "slots">, feedback: Feedback): [string, HttpHandler][] {
  const path = "/v2/models/:model/feedback";
  return [
    [`POST ${path}`, (request) => take(engine, feedback, request)],
    [`GET ${path}`, ({ parameters }) => jsonAnswer(summary(engine, feedback, parameters["model"] ?? ""))],
  ];
}

async function take(
  engine: Pick<InferenceEngine, "slots">,
  feedback: Feedback,
  request: HttpRequest,
): Promise<HttpAnswer> {
  const { slot } = findSlot(engine, request.parameters["model"] ?? "");
  const said = parseJson("feedback", await request.body(), FEEDBACK_BYTES_MAX, check);
  if (Array.isArray(said)) return jsonAnswer(await feedback.take(slot, said));
  if ("feedback" in said) return jsonAnswer(await feedback.take(slot, said.feedback));
  const answer = await feedback.take(slot, [said]);
  const [problem] = answer.problems;
  // Whoever sends one truth wants to know whether it counted.
  if (problem !== undefined) throw new HttpError(answer.unknown > 0 ? 404 : 400, `${problem.id}: ${problem.why}`);
  return jsonAnswer(answer);
}

function summary(engine: Pick<InferenceEngine, "slots">, feedback: Feedback, name: string) {
  const { slot } = findSlot(engine, name);
  const { predictions, bytes } = feedback.window();
  return {
    model: slot,
    versions: feedback.of(slot).map(versionSummary),
    window: {
      predictions,
      predictions_max: PREDICTIONS_MAX,
      bytes,
      bytes_max: PREDICTIONS_BYTES_MAX,
      hours_max: PREDICTION_AGE_MS_MAX / 3_600_000,
    },
  };
}

function versionSummary({ version, classified, measured, labels }: VersionFeedback) {
  return {
    version,
    ...(classified === undefined
      ? {}
      : {
          judged: classified.judged,
          accuracy: classified.accuracy,
          macro: classified.macro,
          classes: classified.classes.map((one) => labelled(one, labels)),
        }),
    ...(measured === undefined ? {} : { measured: measured.judged, mse: measured.mse, mae: measured.mae }),
  };
}

function labelled({ index, ...figures }: ClassFigures, labels: readonly string[]) {
  return { label: labels[index] ?? String(index), ...figures };
}
