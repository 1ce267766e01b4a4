/** A process with the controller's half of a transfer, so that its memory can be told apart. Ends with its parent. */
import { openBenchController } from "./bench-controller.ts";
import type { ArchivePaths } from "./generated-archive.ts";

const { url, paths } = JSON.parse(process.argv[2] ?? "{}") as { url: string; paths: ArchivePaths };
const controller = await openBenchController(url, paths);
process.send?.({ archive: controller.archive });
process.once("disconnect", () => {
  process.exit(0);
});
