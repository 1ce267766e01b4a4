/** Where scheduled reports go: `reports` of `controller.json`. */
import { Type, type Static } from "typebox";
import { closedObject } from "../../protocol/schema.ts";
import { WebhookConfig } from "../alerts/receiver-config.ts";

export const ReportsConfig = closedObject({
  /** Of this machine; `reports` beside `controller.json` where it is absent. Each schedule has a folder in it. */
  folder: Type.Optional(Type.String({ pattern: "^/", maxLength: 4_096 })),
  receivers: Type.Optional(Type.Array(WebhookConfig, { maxItems: 10 })),
});
export type ReportsConfig = Static<typeof ReportsConfig>;
