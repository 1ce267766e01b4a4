/** How good versions are by the truth that came, as tables. Pure. */
import type { VersionAccuracy } from "../accuracy/accuracy-shape.ts";
import { countCell, percentText, textCell } from "./cells.ts";
import type { ReportBlock, ReportCell } from "./document.ts";

/** Classes of one version: those with the most truth. */
const CLASSES_MAX = 20;

/** Nothing where no truth came. */
export function accuracyBlocks(versions: readonly VersionAccuracy[]): ReportBlock[] {
  if (versions.length === 0) return [];
  return [versionsTable(versions), ...versions.slice(0, 1).flatMap(classesBlocks)];
}

function versionsTable(versions: readonly VersionAccuracy[]): ReportBlock {
  return {
    kind: "table",
    title: "Accuracy",
    columns: [
      { title: "Version" },
      { title: "Judged", align: "right" },
      { title: "Right", unit: "ratio", align: "right" },
      { title: "95 % interval", align: "right" },
      { title: "Macro F1", align: "right" },
      { title: "Mean absolute error", align: "right" },
      { title: "Devices", align: "right" },
    ],
    rows: versions.map(({ version, devices, accuracy, macro, values }) => [
      textCell(version),
      countCell((accuracy?.of ?? 0) + (values?.judged ?? 0)),
      ...shareCells(accuracy),
      macro === null ? NONE : { text: macro.f1.toFixed(3), value: macro.f1 },
      values === null ? NONE : { text: values.mae.toPrecision(3), value: values.mae },
      countCell(devices),
    ]),
    whenEmpty: "",
  };
}

function classesBlocks({ version, classes }: VersionAccuracy): ReportBlock[] {
  if (classes.length === 0) return [];
  const shown = classes.slice(0, CLASSES_MAX);
  return [
    {
      kind: "table",
      title: `Classes of ${version}`,
      columns: [
        { title: "Class" },
        { title: "Truths", align: "right" },
        { title: "Recall", unit: "ratio", align: "right" },
        { title: "Its interval", align: "right" },
        { title: "Precision", unit: "ratio", align: "right" },
        { title: "Its interval (95 %)", align: "right" },
      ],
      rows: shown.map(({ label, support, recall, precision }) => [
        textCell(label),
        countCell(support),
        ...shareCells(recall),
        ...shareCells(precision),
      ]),
      leftOut: classes.length - shown.length,
      whenEmpty: "",
    },
  ];
}

const NONE: ReportCell = { text: "–", value: "" };

function shareCells(estimate: VersionAccuracy["accuracy"]): [ReportCell, ReportCell] {
  if (estimate === null) return [NONE, NONE];
  const { share, low, high } = estimate;
  return [{ text: percentText(share), value: share }, textCell(`${percentText(low)} to ${percentText(high)}`)];
}
