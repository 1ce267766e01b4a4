import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { ProcessingError } from "../../common/processing/processing-error.ts";
import { FAILURE_STATUS, InferenceError } from "../inference/inference-error.ts";
import { PROCESSING_STATUS } from "../processing/processing-status.ts";
import { errorShapeOf } from "./dialects/error-shapes.ts";
import { HttpError, jsonAnswer, type HttpAnswer } from "./http-answer.ts";

/** A message may repeat what came: never more of it than anybody reads. */
const MESSAGE_CHARS_MAX = 2_000;

/** In the words of the dialect that the path belongs to. What is none of the known kinds is logged as the agent's own fault. */
export function errorAnswer(error: unknown, path: string, log: Log): HttpAnswer {
  const { status, headers, message } = told(error, log);
  const text = message.length > MESSAGE_CHARS_MAX ? `${message.slice(0, MESSAGE_CHARS_MAX)}…` : message;
  return jsonAnswer(errorShapeOf(path)(status, text), status, headers);
}

interface Told {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function told(error: unknown, log: Log): Told {
  const message = messageOf(error);
  if (error instanceof HttpError) return { status: error.status, headers: error.headers, message };
  if (error instanceof ProtocolError) return { status: error.code === "OVERSIZE" ? 413 : 400, message };
  if (error instanceof ProcessingError) return { status: PROCESSING_STATUS[error.code], message };
  if (error instanceof InferenceError) {
    const mayRetry = error.failure === "queue-full" || error.failure === "unavailable";
    return { status: FAILURE_STATUS[error.failure], message, headers: mayRetry ? { "retry-after": "1" } : {} };
  }
  log.error({ error: message }, "a request failed in the agent itself");
  return { status: 500, message: "The agent failed to answer; its log says why" };
}
