/**
 * A report of any kind, before it has a format: what it says, without how it looks. Whoever has something to report builds
 * one; the renderers beside this file take nothing else. Text is plain: each renderer escapes it for its own format.
 */
import { Type, type Static } from "typebox";
import { Finding } from "./report-shape.ts";

/** Raised when a reader of the JSON would misread it; fields that are only added do not raise it. */
export const DOCUMENT_VERSION = 1;

export const ReportKind = Type.Union([
  Type.Literal("fleet"),
  Type.Literal("model"),
  Type.Literal("device"),
  Type.Literal("rollout"),
  Type.Literal("drift"),
  Type.Literal("experiment"),
]);
export type ReportKind = Static<typeof ReportKind>;

/** What a value means to whoever looks for trouble; it is always said in words besides. */
export const Tone = Type.Union([Type.Literal("good"), Type.Literal("warning"), Type.Literal("critical")]);
export type Tone = Static<typeof Tone>;

const Paragraph = Type.Object({ kind: Type.Literal("paragraph"), text: Type.String() });

/** A few numbers that a reader wants first. */
const Figures = Type.Object({
  kind: Type.Literal("figures"),
  figures: Type.Array(
    Type.Object({
      label: Type.String(),
      value: Type.String(),
      /** What it is out of, or was before. */
      note: Type.Optional(Type.String()),
      tone: Type.Optional(Tone),
    }),
  ),
});

export const ReportCell = Type.Object({
  /** For a person, with its unit. */
  text: Type.String(),
  /** For a program or a spreadsheet, in the unit of the column; absent: the text. */
  value: Type.Optional(Type.Union([Type.Number(), Type.String()])),
  tone: Type.Optional(Tone),
});
export type ReportCell = Static<typeof ReportCell>;

export const ReportTable = Type.Object({
  kind: Type.Literal("table"),
  /** Unique in the report; names the file in CSV. */
  title: Type.String(),
  columns: Type.Array(
    Type.Object({
      title: Type.String(),
      /** Of the cells' values: `ms`, `ratio`, `UTC`. */
      unit: Type.Optional(Type.String()),
      align: Type.Optional(Type.Literal("right")),
    }),
  ),
  /** As many cells as there are columns; the first one names the row. */
  rows: Type.Array(Type.Array(ReportCell)),
  /** Rows beyond the bound of the report. */
  leftOut: Type.Optional(Type.Integer()),
  /** Stands in the place of a table without rows. */
  whenEmpty: Type.String(),
});
export type ReportTable = Static<typeof ReportTable>;

const Labelled = {
  kind: Type.Literal("chart"),
  title: Type.String(),
  /** What the chart shows, in a sentence or two with its numbers: for those who do not see it, and for plain text. */
  alternative: Type.String(),
  /** Of its values: `ms`, `%`, `devices`. */
  unit: Type.String(),
};
const Limit = Type.Object({ label: Type.String(), y: Type.Number() });

/** Values over time. */
const LineChart = Type.Object({
  ...Labelled,
  shape: Type.Literal("lines"),
  fromMs: Type.Number(),
  toMs: Type.Number(),
  series: Type.Array(
    Type.Object({
      name: Type.String(),
      /** Ascending by time; null where nothing was measured: the line is broken there. */
      points: Type.Array(Type.Object({ atMs: Type.Number(), y: Type.Union([Type.Number(), Type.Null()]) })),
    }),
  ),
  /** Drawn across, such as a budget. */
  limits: Type.Optional(Type.Array(Limit)),
});

/** One value for each category and series, such as two histograms side by side. */
const BarChart = Type.Object({
  ...Labelled,
  shape: Type.Literal("bars"),
  categories: Type.Array(Type.String()),
  series: Type.Array(Type.Object({ name: Type.String(), values: Type.Array(Type.Number()) })),
});

/** Estimates with what they may as well be: one row each. */
const IntervalChart = Type.Object({
  ...Labelled,
  shape: Type.Literal("intervals"),
  rows: Type.Array(
    Type.Object({
      label: Type.String(),
      low: Type.Number(),
      middle: Type.Number(),
      high: Type.Number(),
      tone: Type.Optional(Tone),
    }),
  ),
  /** Where nothing would be different, such as 0. */
  reference: Type.Optional(Type.Number()),
});

/** When each of several things was in which state. */
const SpanChart = Type.Object({
  ...Labelled,
  shape: Type.Literal("spans"),
  fromMs: Type.Number(),
  toMs: Type.Number(),
  rows: Type.Array(
    Type.Object({
      label: Type.String(),
      spans: Type.Array(Type.Object({ fromMs: Type.Number(), toMs: Type.Number(), tone: Tone })),
    }),
  ),
});

export const ReportChart = Type.Union([LineChart, BarChart, IntervalChart, SpanChart]);
export type LineChart = Static<typeof LineChart>;
export type BarChart = Static<typeof BarChart>;
export type IntervalChart = Static<typeof IntervalChart>;
export type SpanChart = Static<typeof SpanChart>;
export type ReportChart = Static<typeof ReportChart>;

const ReportBlock = Type.Union([Paragraph, Figures, ReportTable, LineChart, BarChart, IntervalChart, SpanChart]);
export type ReportBlock = Static<typeof ReportBlock>;

const ReportSection = Type.Object({ title: Type.String(), blocks: Type.Array(ReportBlock) });
export type ReportSection = Static<typeof ReportSection>;

export const ReportDocument = Type.Object({
  documentVersion: Type.Literal(DOCUMENT_VERSION),
  kind: ReportKind,
  /** The model, device, rollout or experiment that it is about; absent: the whole fleet. */
  subject: Type.Optional(Type.String()),
  /** Such as `Fleet demo`. */
  title: Type.String(),
  atMs: Type.Number(),
  /** What it looks back on: from here to `atMs`. */
  fromMs: Type.Number(),
  /** The whole report in one sentence. */
  verdict: Type.Object({ tone: Tone, text: Type.String() }),
  /** The most urgent first, each with what to do next. */
  findings: Type.Array(Finding),
  sections: Type.Array(ReportSection),
});
export type ReportDocument = Static<typeof ReportDocument>;

/** Tables of a report with the section that each stands in. */
export function tablesOf({ sections }: ReportDocument): { readonly section: string; readonly table: ReportTable }[] {
  return sections.flatMap(({ title, blocks }) =>
    blocks.flatMap((block) => (block.kind === "table" ? [{ section: title, table: block }] : [])),
  );
}
