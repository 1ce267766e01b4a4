/**
 * Which of many tests to believe, so that of all that are believed at most the share `rate` is wrong on average; where
 * nothing has changed anywhere, anything at all is believed with that probability. Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).
 */
export function believed(pValues: readonly number[], rate: number): readonly boolean[] {
  const ascending = pValues.toSorted((a, b) => a - b);
  const last = ascending.findLastIndex((pValue, at) => pValue <= (rate * (at + 1)) / ascending.length);
  const limit = ascending[last];
  return pValues.map((pValue) => limit !== undefined && pValue <= limit);
}
