import type { Command } from "commander";
import pc from "picocolors";
import type { Bundle } from "../http/bundle-routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { ago, bytes, shortDigest } from "./human.ts";
import { printListing, type Column } from "./output.ts";

export function addBundleList(bundle: Command): void {
  const command = bundle
    .command("list")
    .description("show the controller's catalogue, newest first")
    .action(listBundles);
  withExamples(withOutput(withController(command)), "ferry bundle list", "ferry bundle list -o name");
}

export async function listBundles(options: RemoteOptions & OutputOptions): Promise<void> {
  const { bundles } = await clientOf(options).listBundles({ query: {} });
  const whenEmpty = "The catalogue is empty. Fill it with: ferry bundle init, ferry bundle sign, ferry bundle push";
  printListing({ rows: bundles, columns: BUNDLE_COLUMNS, name: bundleLabel, whenEmpty }, formatOf(options));
}

export function bundleLabel({ name, version }: Bundle): string {
  return `${name}@${version}`;
}

/** Devices with the newest root refuse what only a publisher of an earlier one signed. */
export function signedText({ vouched }: Bundle): string {
  return vouched ? "yes" : pc.yellow("by a replaced publisher: sign it again");
}

export const BUNDLE_COLUMNS: readonly Column<Bundle>[] = [
  { title: "BUNDLE", text: bundleLabel },
  { title: "STATEMENT", text: ({ statement }) => shortDigest(statement) },
  { title: "SIZE", text: ({ archive }) => bytes(archive.lengthBytes), align: "right" },
  { title: "HARDWARE", text: ({ model }) => model.compatible.join(","), wide: true },
  { title: "SIGNED", text: signedText, csv: ({ vouched }) => (vouched ? "yes" : "no") },
  { title: "PUSHED", text: ({ pushedMs }) => `${ago(pushedMs)} ago` },
];
