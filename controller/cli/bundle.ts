import type { Command } from "commander";
import { addBundleBaseline } from "./bundle-baseline.ts";
import { addBundleBench } from "./bundle-bench.ts";
import { addBundleImport } from "./bundle-import.ts";
import { addBundleInit } from "./bundle-init.ts";
import { addBundleList } from "./bundle-list.ts";
import { addBundleOptimize } from "./bundle-optimize.ts";
import { addBundleInspect, addBundleTest, addBundleVerify } from "./bundle-read.ts";
import { addBundleBuild, addBundlePush, addBundleSign } from "./bundle-ship.ts";

/** `ferry bundle …`: from an ONNX file to a signed archive in the controller's catalogue. */
export function addBundleCommands(program: Command): void {
  const bundle = program.command("bundle").description("make, sign, check and push bundles of a model");
  addBundleInit(bundle);
  addBundleImport(bundle);
  addBundleBaseline(bundle);
  addBundleSign(bundle);
  addBundleVerify(bundle);
  addBundleInspect(bundle);
  addBundleTest(bundle);
  addBundleOptimize(bundle);
  addBundleBench(bundle);
  addBundleBuild(bundle);
  addBundlePush(bundle);
  addBundleList(bundle);
}
