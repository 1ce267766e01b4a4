/** Of the GNU C library that this process runs on, such as `2.36`; undefined where it is another one. */
export function glibcVersion(): string | undefined {
  // Names of its neighbours in the network would be asked of a name server.
  process.report.excludeNetwork = true;
  const report: unknown = process.report.getReport();
  const header = fieldOf(report, "header");
  const version = fieldOf(header, "glibcVersionRuntime");
  return typeof version === "string" && /^\d+\.\d+$/.test(version) ? version : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
