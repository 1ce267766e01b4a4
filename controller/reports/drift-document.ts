/** Which inputs and outputs changed, as a report: what to do, every feature, and the histograms of those that drift. Pure. */
import type { DriftPicture } from "../drift/read-drift.ts";
import { grouped } from "./cells.ts";
import { DOCUMENT_VERSION, type ReportDocument } from "./document.ts";
import { driftChart, driftFindings, driftTable } from "./drift-blocks.ts";
import { bySeverity } from "./findings.ts";
import type { Finding } from "./report-shape.ts";
import { verdictOf } from "./verdict.ts";

export interface ReportedDrift {
  /** Undefined: of every model. */
  readonly model: string | undefined;
  /** Drifting ones first. */
  readonly pictures: readonly DriftPicture[];
  readonly atMs: number;
  readonly windowMs: number;
}

/** Histograms drawn: a person compares no more. */
const CHARTS_MAX = 8;

export function driftDocument({ model, pictures, atMs, windowMs }: ReportedDrift): ReportDocument {
  const verdicts = pictures.map(({ verdict }) => verdict);
  const count = (state: (typeof verdicts)[number]["state"]) => verdicts.filter((one) => one.state === state).length;
  const [drifting, steady, open] = [count("drifting"), count("steady"), count("inconclusive")];
  const unmeasured = count("not-measured");
  const findings = bySeverity([...driftFindings(verdicts), ...openFindings(pictures)]);
  const drawn = pictures.filter(({ verdict, bins }) => verdict.isDrifting && bins.length > 0).slice(0, CHARTS_MAX);
  return {
    documentVersion: DOCUMENT_VERSION,
    kind: "drift",
    ...(model === undefined ? {} : { subject: model }),
    title: model === undefined ? "Drift" : `Drift of ${model}`,
    atMs,
    fromMs: atMs - windowMs,
    verdict: verdictOf(findings, fineText(verdicts.length, steady)),
    findings,
    sections: [
      {
        title: "Features",
        blocks: [
          {
            kind: "figures",
            figures: [
              { label: "Drifting", value: grouped(drifting), tone: drifting === 0 ? "good" : "warning" },
              { label: "As in the reference", value: grouped(steady) },
              { label: "Inconclusive", value: grouped(open) },
              ...(unmeasured === 0
                ? []
                : [{ label: "Not measured", value: grouped(unmeasured), tone: "warning" as const }]),
            ],
          },
          driftTable(verdicts),
        ],
      },
      ...(drawn.length === 0 ? [] : [{ title: "Histograms", blocks: drawn.map(driftChart) }]),
      { title: "How sure this is", blocks: [{ kind: "paragraph" as const, text: SURENESS }] },
    ],
  };
}

function fineText(all: number, steady: number): string {
  if (all === 0) return "No model was asked in this time: there is nothing to compare.";
  if (steady === 0) return "Too few examples came to tell a change from chance.";
  return `No feature drifts; ${steady} of ${all} ${steady === 1 ? "is" : "are"} as in the reference.`;
}

/** Not told about each feature: whatever keeps one from being judged keeps the others. */
function openFindings(pictures: readonly DriftPicture[]): Finding[] {
  const versions = Map.groupBy(
    pictures.filter(({ verdict }) => verdict.state === "inconclusive"),
    ({ verdict: { slot, version } }) => `${slot}@${version}`,
  );
  return [...versions].map(([name, open]) => {
    const isWithout = open.every(({ verdict }) => verdict.reference === "none");
    const of = `${open.length} ${open.length === 1 ? "feature" : "features"} of ${name}`;
    return {
      severity: "note",
      text: isWithout ? `${of} cannot be compared with anything yet` : `${of} had too few examples to be judged`,
      devices: [],
      next: isWithout
        ? "Give the bundle a baseline (`ferry bundle baseline DIR --from FILE`), or wait for a thousand examples."
        : "Wait for more requests, or look back further (`--window 7d`).",
    };
  });
}

const SURENESS =
  "A feature drifts where its population stability index passes what chance explains with so many examples, and the false discovery rate over all features of the version stays below 1 %. Without drift that is a false alarm in about one look of a hundred. Examples that follow each other closely, such as frames of one scene, tell less than as many independent ones.";
