/** Devices that are given something else than the others of their hardware class, as parts of any report. Pure. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { ClassVerdict } from "../drift/class-shape.ts";
import { numberText } from "../drift/judge-feature.ts";
import { countCell, textCell } from "./cells.ts";
import type { ReportBlock } from "./document.ts";
import { DEVICES_NAMED_MAX, type Finding } from "./report-shape.ts";

const ROWS_MAX = 15;
/** Devices with findings of their own; the others are in one. */
const NAMED_MAX = 5;

/** One for each device that differs from its class; beyond NAMED_MAX together. */
export function unlikeFindings(verdicts: readonly ClassVerdict[]): Finding[] {
  const unlike = verdicts.filter(({ differs }) => differs);
  const rest = unlike.slice(NAMED_MAX);
  const more = {
    severity: "warning" as const,
    text: `${rest.length} more devices differ from the others of their hardware class`,
    devices: rest.map(deviceOf).slice(0, DEVICES_NAMED_MAX),
    next: "See all of them with `ferry drift devices`.",
  };
  return [...unlike.slice(0, NAMED_MAX).map(findingOf), ...(rest.length === 0 ? [] : [more])];
}

function findingOf(verdict: ClassVerdict): Finding {
  const { hardware, device, slot, version, unlike, compared, features } = verdict;
  const [first] = features;
  const mostly = first === undefined ? "" : `, most in ${first.feature} (psi ${numberText(first.psi)})`;
  const show =
    first === undefined ? "" : `: \`ferry drift show ${slot}@${version} '${first.feature}' --device ${device}\``;
  return {
    severity: "warning",
    text: `${slot}@${version} on ${device} differs from the other ${hardware} in ${unlike} of ${compared} features${mostly}`,
    devices: [deviceOf(verdict)],
    next: `Look at this device's sensor and where it stands, not at the model${show}.`,
  };
}

/** The name came with the device's own records, whose sender the broker has checked. */
function deviceOf({ device }: ClassVerdict): DeviceId {
  return device as DeviceId;
}

/** Nothing where no device differs. */
export function unlikeBlocks(verdicts: readonly ClassVerdict[]): ReportBlock[] {
  const unlike = verdicts.filter(({ differs }) => differs);
  if (unlike.length === 0) return [];
  const shown = unlike.slice(0, ROWS_MAX);
  return [
    {
      kind: "table",
      title: "Devices unlike their hardware class",
      columns: [
        { title: "Device" },
        { title: "Model" },
        { title: "Hardware class" },
        { title: "Features that differ", align: "right" },
        { title: "Compared", align: "right" },
        { title: "Most" },
      ],
      rows: shown.map(({ device, slot, version, hardware, unlike: differing, compared, features }) => [
        textCell(device),
        textCell(`${slot}@${version}`),
        textCell(hardware),
        countCell(differing, "warning"),
        countCell(compared),
        textCell(features[0]?.feature ?? "–"),
      ]),
      leftOut: unlike.length - shown.length,
      whenEmpty: "",
    },
  ];
}
