/** Which format an `Accept` header asks for. RFC 9110, section 12.5.1. Pure. */
import { MEDIA_TYPES, REPORT_FORMATS, type ReportFormat } from "./render-report.ts";

/** Longer ones are nobody's preference. */
const RANGES_MAX = 32;

interface Range {
  readonly type: string;
  readonly quality: number;
}

/**
 * The format that is wanted most; `otherwise` where all are wanted alike, or nothing is said. Undefined where none of them
 * is wanted.
 */
export function acceptedFormat(accept: string | undefined, otherwise: ReportFormat): ReportFormat | undefined {
  if (accept === undefined || accept.trim() === "") return otherwise;
  const ranges = accept.split(",").slice(0, RANGES_MAX).map(rangeOf);
  let best: { readonly format: ReportFormat; readonly quality: number } | undefined;
  for (const format of [otherwise, ...REPORT_FORMATS]) {
    const quality = qualityOf(ranges, MEDIA_TYPES[format].split(";")[0] ?? "");
    if (quality > (best?.quality ?? 0)) best = { format, quality };
  }
  return best?.format;
}

function rangeOf(text: string): Range {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const quality = given === undefined ? 1 : Number(given);
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** The most exact range that fits decides: `text/html;q=0` after all of `text` says no to HTML alone. */
function qualityOf(ranges: readonly Range[], mediaType: string): number {
  const [kind = ""] = mediaType.split("/");
  for (const type of [mediaType, `${kind}/*`, "*/*"]) {
    const found = ranges.find((range) => range.type === type);
    if (found !== undefined) return found.quality;
  }
  return 0;
}
