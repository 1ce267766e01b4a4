/** Every decoder of bytes that come from outside. */
import type { FuzzTarget } from "../fuzz-target.ts";
import { BUNDLE_TARGETS } from "./bundles.ts";
import { DOCUMENT_TARGETS } from "./documents.ts";
import { ENROLMENT_TARGETS } from "./enrolment.ts";
import { MEDIA_TARGETS } from "./media.ts";
import { MESSAGE_TARGETS } from "./messages.ts";
import { PREDICTION_TARGETS } from "./predictions.ts";

export const TARGETS: readonly FuzzTarget[] = [
  ...DOCUMENT_TARGETS,
  ...MESSAGE_TARGETS,
  ...PREDICTION_TARGETS,
  ...BUNDLE_TARGETS,
  ...ENROLMENT_TARGETS,
  ...MEDIA_TARGETS,
];
