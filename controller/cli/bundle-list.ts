import type { Command } from "commander";
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
import { printListing } from "./output.ts";

export function addBundleList(bundle: Command): void {
  const command = bundle
    .command("list")
    .description("show the controller's catalogue, newest first")
    .action(async (options: RemoteOptions & OutputOptions) => {
      const { bundles } = await clientOf(options).listBundles({ query: {} });
      printListing(
        {
          rows: bundles,
          columns: [
            { title: "BUNDLE", text: ({ name, version }) => `${name}@${version}` },
            { title: "STATEMENT", text: ({ statement }) => shortDigest(statement) },
            { title: "SIZE", text: ({ archive }) => bytes(archive.lengthBytes), align: "right" },
            { title: "HARDWARE", text: ({ model }) => model.compatible.join(","), wide: true },
            { title: "PUSHED", text: ({ pushedMs }) => `${ago(pushedMs)} ago` },
          ],
          name: ({ name, version }) => `${name}@${version}`,
          whenEmpty: "The catalogue is empty. Fill it with: ferry bundle init, ferry bundle sign, ferry bundle push",
        },
        formatOf(options),
      );
    });
  withExamples(withOutput(withController(command)), "ferry bundle list", "ferry bundle list -o name");
}
