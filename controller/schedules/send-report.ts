/** Hands a report to a webhook: a request for each file, signed as alerts are. */
import { DEADLINE_MS, failureText, SIGNATURE_HEADER, signatureOf } from "../alerts/deliver.ts";
import { secretOf, type WebhookConfig } from "../alerts/receiver-config.ts";
import { MEDIA_TYPES, renderReport, reportFileName, type ReportFormat } from "../reports/render-report.ts";
import type { ReportDocument } from "../reports/document.ts";

export interface SentReport {
  readonly schedule: string;
  readonly document: ReportDocument;
  readonly formats: readonly ReportFormat[];
  readonly nowMs: number;
}

/** Gives why the receiver did not take all of it; undefined where it did. Never rejects. */
export async function sendReport(
  receiver: WebhookConfig,
  { schedule, document, formats, nowMs }: SentReport,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const secret = secretOf(receiver);
    for (const format of formats) {
      const body = renderReport(document, format);
      const response = await fetch(receiver.url, {
        method: "POST",
        headers: {
          "content-type": MEDIA_TYPES[format],
          "content-disposition": `attachment; filename="${reportFileName(document, format)}"`,
          "x-modelferry-schedule": schedule,
          ...(secret === undefined ? {} : { [SIGNATURE_HEADER]: signatureOf(secret, Math.floor(nowMs / 1_000), body) }),
        },
        body,
        // What was signed for one address is not handed to another.
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
      });
      await response.body?.cancel();
      if (!response.ok) return `it answered ${response.status} ${response.statusText}`.trim();
    }
    return undefined;
  } catch (thrown) {
    return failureText(thrown);
  }
}
