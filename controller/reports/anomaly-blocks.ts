/** Examples that are unlike those of the baseline, as parts of any report. Pure. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { AnomalyVerdict } from "../drift/anomaly-shape.ts";
import { countCell, instantCell, percentText, shareCell, textCell } from "./cells.ts";
import type { ReportBlock } from "./document.ts";
import { DEVICES_NAMED_MAX, type Finding } from "./report-shape.ts";

const ROWS_MAX = 15;
/** Devices with findings of their own; the others are in one. */
const NAMED_MAX = 5;

/** One for each device of a version with more unusual examples than its baseline explains; beyond NAMED_MAX together. */
export function anomalyFindings(verdicts: readonly AnomalyVerdict[]): Finding[] {
  const anomalous = verdicts.filter(({ state }) => state === "anomalous");
  const rest = anomalous.slice(NAMED_MAX);
  return [
    ...anomalous.slice(0, NAMED_MAX).map(findingOf),
    ...(rest.length === 0
      ? []
      : [
          {
            severity: "warning" as const,
            text: `${rest.length} more devices are given unusual examples`,
            devices: rest.flatMap(namedIn).slice(0, DEVICES_NAMED_MAX),
            next: "See all of them with `ferry anomalies`.",
          },
        ]),
  ];
}

function findingOf(verdict: AnomalyVerdict): Finding {
  const { slot, version, device, examples, anomalous, expectedShare = 0, farthest } = verdict;
  const share = percentText(anomalous / Math.max(1, examples));
  const [first] = farthest;
  const mostly = first === undefined ? "" : `, mostly in ${first.feature}`;
  const show = first === undefined ? "" : ` \`ferry drift show ${slot} '${first.feature}'\` shows what changed.`;
  return {
    severity: "warning",
    text: `${share} of what ${slot}@${version} is given on ${device ?? "all devices"} is unusual${mostly}; ${percentText(expectedShare)} is normal`,
    devices: namedIn(verdict),
    next: `Look at its sensor, and at what prepares its data; are they in order, the model is asked what it was not made for.${show}`,
  };
}

/** The name came with the device's own records, whose sender the broker has checked. */
function namedIn({ device }: AnomalyVerdict): DeviceId[] {
  return device === undefined ? [] : [device as DeviceId];
}

/** Nothing where nothing was scored. */
export function anomalyBlocks(verdicts: readonly AnomalyVerdict[]): ReportBlock[] {
  const scored = verdicts.filter(({ state }) => state === "anomalous" || state === "usual");
  if (scored.length === 0) return [];
  const shown = scored.slice(0, ROWS_MAX);
  return [
    {
      kind: "table",
      title: "Examples unlike the baseline",
      columns: [
        { title: "Device" },
        { title: "Model" },
        { title: "State" },
        { title: "Examples", align: "right" },
        { title: "Unusual", unit: "ratio", align: "right" },
        { title: "Expected at most", unit: "ratio", align: "right" },
        { title: "Mostly" },
        { title: "Since", unit: "UTC" },
      ],
      rows: shown.map(({ device, slot, version, state, examples, anomalous, expectedShare = 0, farthest, sinceMs }) => [
        textCell(device ?? "all"),
        textCell(`${slot}@${version}`),
        textCell(state, state === "anomalous" ? "warning" : "good"),
        countCell(examples),
        shareCell(anomalous / Math.max(1, examples)),
        shareCell(expectedShare),
        textCell(farthest[0]?.feature ?? "–"),
        instantCell(sinceMs),
      ]),
      leftOut: scored.length - shown.length,
      whenEmpty: "",
    },
  ];
}
