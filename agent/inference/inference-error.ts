import type { InferFailure } from "./inference-engine.ts";

/** Why a request got no outputs; people read the message. */
export class InferenceError extends Error {
  override readonly name = "InferenceError";
  readonly failure: InferFailure;

  constructor(failure: InferFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** The HTTP status of each failure, over HTTP and in MQTT answers alike. */
export const FAILURE_STATUS: Readonly<Record<InferFailure, number>> = {
  "bad-request": 400,
  "unknown-model": 404,
  "unknown-version": 404,
  "queue-full": 429,
  "model-failed": 500,
  unavailable: 503,
  "timed-out": 504,
};
