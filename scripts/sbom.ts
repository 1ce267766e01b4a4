/** Prints the bill of materials that npm makes of the lock file, without what only development needs. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

interface Component {
  readonly "bom-ref": string;
}

/** What is read of CycloneDX 1.5; everything else passes through as npm wrote it. */
interface BillOfMaterials {
  readonly metadata: { readonly component: Component & { readonly version: string } };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

const { name, dependencies, optionalDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
};

/** Some hundred packages are about 400 kB. */
const OUTPUT_BYTES_MAX = 16 * 1024 ** 2;

const made = JSON.parse(
  execFileSync("npm", ["sbom", "--sbom-format=cyclonedx", "--package-lock-only", "--loglevel=error"], {
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES_MAX,
  }),
) as BillOfMaterials;
process.stdout.write(`${JSON.stringify(reproducible(ofRuntime(made)), undefined, 2)}\n`);

/** `npm sbom --omit dev` (11.19) also leaves out what both need, such as yaml: what is needed to run is followed here. */
function ofRuntime(all: BillOfMaterials): BillOfMaterials {
  const root = all.metadata.component["bom-ref"];
  const edges = new Map(all.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  const named = { ...dependencies, ...optionalDependencies };
  const direct = new Set(Object.entries(named).map(([dependency, version]) => `${dependency}@${version}`));
  const needed = new Set(edges.get(root)?.filter((ref) => direct.has(ref)));
  if (needed.size !== direct.size)
    throw new Error("the lock file does not hold what package.json names: run npm install");
  for (const ref of needed) for (const next of edges.get(ref) ?? []) needed.add(next);
  return {
    ...all,
    components: all.components.filter((component) => needed.has(component["bom-ref"])),
    dependencies: all.dependencies
      .filter(({ ref }) => ref === root || needed.has(ref))
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((next) => needed.has(next)) })),
  };
}

/** Without the time, the folder's name and the version of npm; its number is made of what it says (RFC 9562, version 8). */
function reproducible(bill: BillOfMaterials) {
  const component = { ...bill.metadata.component, type: "application", name };
  const said = { ...bill, metadata: { component } };
  const digest = createHash("sha256")
    .update(JSON.stringify({ ...said, serialNumber: undefined }))
    .digest("hex");
  const variant = ((parseInt(digest.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const parts = [digest.slice(0, 8), digest.slice(8, 12), `8${digest.slice(13, 16)}`, variant + digest.slice(17, 20)];
  return { ...said, serialNumber: `urn:uuid:${[...parts, digest.slice(20, 32)].join("-")}` };
}
