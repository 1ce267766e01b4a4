import type { ProcessingErrorCode } from "../../common/processing/processing-error.ts";

/** The HTTP status of each, over HTTP and in MQTT answers alike. */
export const PROCESSING_STATUS: Readonly<Record<ProcessingErrorCode, number>> = {
  "bad-media": 400,
  "media-too-large": 413,
  "bad-output": 500,
};
