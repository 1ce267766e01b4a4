/** A report with one of everything, and with what hostile or unlucky devices put into it. */
import { DOCUMENT_VERSION, type ReportDocument } from "../../controller/reports/document.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { NOW_MS } from "./device-views.ts";

export const HOUR_MS = 3_600_000;
export const SCRIPT = `<script>alert("x")</script>`;

export const EVERYTHING: ReportDocument = {
  documentVersion: DOCUMENT_VERSION,
  kind: "fleet",
  title: `Fleet <oslo> & "friends"`,
  atMs: NOW_MS,
  fromMs: NOW_MS - 24 * HOUR_MS,
  verdict: { tone: "critical", text: "cam-2 fails; 1 more finding needs attention." },
  findings: [
    {
      severity: "critical",
      text: `cam-2 fails: ${SCRIPT}`,
      devices: ["cam-2" as DeviceId],
      next: "See `ferry device show cam-2`.",
    },
    { severity: "note", text: "=1+1", devices: [], next: "Nothing." },
  ],
  sections: [
    {
      title: "Availability",
      blocks: [
        { kind: "paragraph", text: `Label ${SCRIPT} and a | pipe, see \`ferry status\`.` },
        { kind: "figures", figures: [{ label: "Online", value: "3", note: "75 %", tone: "warning" }] },
        {
          kind: "chart",
          shape: "spans",
          title: "Presence",
          unit: "time",
          alternative: "cam-2 was away for 2 h.",
          fromMs: NOW_MS - 24 * HOUR_MS,
          toMs: NOW_MS,
          rows: [
            {
              label: SCRIPT,
              spans: [
                { fromMs: NOW_MS - 24 * HOUR_MS, toMs: NOW_MS - 2 * HOUR_MS, tone: "good" },
                { fromMs: NOW_MS - 2 * HOUR_MS, toMs: NOW_MS, tone: "critical" },
              ],
            },
          ],
        },
      ],
    },
    {
      title: "Inference",
      blocks: [
        {
          kind: "chart",
          shape: "lines",
          title: "Latency",
          unit: "ms",
          alternative: "p95 rose from 2 ms to 8 ms.",
          fromMs: NOW_MS - 4 * HOUR_MS,
          toMs: NOW_MS,
          series: [
            { name: "p50", points: [1, 2, null, 1, null].map((y, at) => ({ atMs: NOW_MS - (4 - at) * HOUR_MS, y })) },
            { name: "p95", points: [2, 4, 6, 7, 8].map((y, at) => ({ atMs: NOW_MS - (4 - at) * HOUR_MS, y })) },
          ],
          limits: [{ label: "budget", y: 7.5 }],
        },
        {
          kind: "chart",
          shape: "bars",
          title: "Classes",
          unit: "%",
          alternative: "More sevens than in training.",
          categories: ["0", "1", "seven"],
          series: [
            { name: "training", values: [40, 40, 20] },
            { name: "now", values: [30, 30, 40] },
          ],
        },
        {
          kind: "chart",
          shape: "intervals",
          title: "Difference",
          unit: "ms",
          alternative: "B is faster by 1 to 3 ms.",
          rows: [{ label: "latency", low: -3, middle: -2, high: -1, tone: "good" }],
          reference: 0,
        },
        {
          kind: "table",
          title: "Requests",
          columns: [{ title: "Model" }, { title: "p95", unit: "ms", align: "right" }, { title: "Why" }],
          rows: [
            [{ text: "digits@1.0.0" }, { text: "8.0 ms", value: -8.04, tone: "warning" }, { text: "@SUM(A1)" }],
            [{ text: `a,"b"` }, { text: "–", value: "" }, { text: SCRIPT }],
          ],
          leftOut: 3,
          whenEmpty: "No requests.",
        },
        { kind: "table", title: "Truth", columns: [{ title: "Model" }], rows: [], whenEmpty: "No truth came." },
      ],
    },
  ],
};
