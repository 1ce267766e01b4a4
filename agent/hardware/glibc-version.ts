/** Of the GNU C library that this process runs on, such as `2.36`; undefined where it is another one. */
export function glibcVersion(): string | undefined {
  // A report of the network asks a name server for the names of its neighbours.
  Object.assign(process.report, { excludeNetwork: true });
  const header = fieldOf(process.report.getReport(), "header");
  const version = fieldOf(header, "glibcVersionRuntime");
  return typeof version === "string" && /^\d+\.\d+$/.test(version) ? version : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
