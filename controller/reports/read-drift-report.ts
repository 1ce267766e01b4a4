import { readAllDriftPictures, type DriftPorts } from "../drift/read-drift.ts";
import type { ReportDocument } from "./document.ts";
import { driftDocument } from "./drift-document.ts";
import type { ReportQuestion } from "./report-question.ts";

export async function readDriftReport(
  ports: DriftPorts,
  { model, windowMs }: Extract<ReportQuestion, { kind: "drift" }>,
  nowMs: number,
): Promise<ReportDocument> {
  const pictures = await readAllDriftPictures(ports, { slot: model, nowMs, windowMs });
  return driftDocument({ model, pictures, atMs: nowMs, windowMs });
}
