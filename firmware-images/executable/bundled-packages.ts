/** Which npm packages are within a bundle: what its bill of materials lists, and whose licences go with it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX, as its manifest says. */
  readonly licence: string;
  readonly folder: string;
}

/** `inputs`: paths from `root` of all that went into the bundle. Sorted by name and version. */
export function bundledPackages(root: string, inputs: readonly string[]): BundledPackage[] {
  const folders = new Set(inputs.map(packageFolder).filter((folder) => folder !== undefined));
  const packages = [...folders].map((folder) => readPackage(join(root, folder)));
  return packages.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

export function idOf({ name, version }: BundledPackage): string {
  return `${name}@${version}`;
}

/** `node_modules/a/node_modules/@b/c` of a file below it; undefined for a source of our own. */
export function packageFolder(input: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

function readPackage(folder: string): BundledPackage {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  return { name: manifest.name, version: manifest.version, licence: manifest.license ?? "unknown", folder };
}

/** The licences of Node.js and of every package in the executable, as they ask to be passed on. */
export function licenceTexts(packages: readonly BundledPackage[], nodeLicence: string): string {
  const parts = packages.map((one) => [`${idOf(one)} (${one.licence})`, licenceText(one.folder)] as const);
  return [["Node.js", readFileSync(nodeLicence, "utf8")] as const, ...parts]
    .map(([title, text]) => `${"=".repeat(80)}\n${title}\n${"=".repeat(80)}\n\n${text.trim()}\n`)
    .join("\n");
}

function licenceText(folder: string): string {
  const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
  return file === undefined
    ? "The package carries no licence text of its own."
    : readFileSync(join(folder, file), "utf8");
}
