/** What one executable is made of, as CycloneDX JSON: the same sources give the same bytes. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { idOf, type BundledPackage } from "./bundled-packages.ts";
import { NODE } from "./node-binary.ts";
import type { Architecture } from "./program-json.ts";

/** What is read of the project's own bill of materials; everything else passes through. */
interface BillOfMaterials {
  readonly metadata: { readonly component: { readonly "bom-ref": string } };
  readonly components: readonly { readonly "bom-ref": string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/** A file that is installed. */
export interface BuiltFile {
  /** From the folder that is installed. */
  readonly path: string;
  readonly sha256: string;
}

export interface BuiltProgram {
  readonly name: string;
  readonly version: string;
  readonly architecture: Architecture;
  readonly packages: readonly BundledPackage[];
  readonly files: readonly BuiltFile[];
}

/** Some hundred packages are about 400 kB. */
const OUTPUT_BYTES_MAX = 16 * 1024 ** 2;

/** Of the whole project: `scripts/sbom` makes it of the lock file. */
export function projectBill(root: string): BillOfMaterials {
  const text = execFileSync(process.execPath, [join("scripts", "sbom.ts")], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return JSON.parse(text) as BillOfMaterials;
}

/** Its packages that are within the executable, Node.js, and the files as they are installed. */
export function programBill(project: BillOfMaterials, program: BuiltProgram) {
  const within = new Set(program.packages.map(idOf));
  const missing = [...within].filter((id) => !project.components.some((component) => component["bom-ref"] === id));
  if (missing.length > 0) {
    throw new Error(`the bill of materials does not know ${missing.join(", ")}: run npm install`);
  }
  const root = `${program.name}@${program.version}`;
  const node = nodeComponent(program.architecture);
  const { serialNumber: _, ...said } = project as BillOfMaterials & { serialNumber?: string };
  return {
    ...said,
    metadata: {
      component: {
        "bom-ref": root,
        type: "application",
        name: program.name,
        version: program.version,
        description: `For linux-${program.architecture}`,
        licenses: [{ license: { id: "Apache-2.0" } }],
        components: program.files.map(({ path, sha256 }) => ({ type: "file", name: path, hashes: sha256Hash(sha256) })),
      },
    },
    components: [node, ...project.components.filter((component) => within.has(component["bom-ref"]))],
    dependencies: [
      { ref: root, dependsOn: [node["bom-ref"], ...within] },
      ...project.dependencies
        .filter(({ ref }) => within.has(ref))
        .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((next) => within.has(next)) })),
    ],
  };
}

function nodeComponent(architecture: Architecture) {
  const name = `node-linux-${architecture}`;
  return {
    "bom-ref": `${name}@${NODE.version}`,
    type: "platform",
    name: "Node.js",
    version: NODE.version,
    purl: `pkg:npm/${name}@${NODE.version}`,
    hashes: sha256Hash(NODE.sha256[architecture]),
    licenses: [{ license: { id: "MIT" } }],
  };
}

function sha256Hash(content: string) {
  return [{ alg: "SHA-256", content }];
}
