/** The version that comes after those that are there: the next MINOR of the highest MAJOR.MINOR.PATCH. Pure. */
export function nextVersion(versions: readonly string[]): string {
  const known = versions.flatMap((version) => {
    const [, major, minor] = /^(\d{1,6})\.(\d{1,6})\.\d{1,6}(?![0-9.])/.exec(version) ?? [];
    return major === undefined ? [] : [{ major: Number(major), minor: Number(minor) }];
  });
  const [highest] = known.toSorted((a, b) => b.major - a.major || b.minor - a.minor);
  return highest === undefined ? "1.0.0" : `${highest.major}.${highest.minor + 1}.0`;
}
