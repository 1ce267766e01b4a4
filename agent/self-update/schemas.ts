import { STATE_SCHEMA } from "../store/state-database.ts";
import { OUTBOX_SCHEMA } from "../telemetry/outbox.ts";
import type { Schemas } from "./judge-start.ts";

/** Of the databases of this program. */
export const SCHEMAS: Schemas = { state: STATE_SCHEMA, telemetry: OUTBOX_SCHEMA };
