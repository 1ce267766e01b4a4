import type { Command } from "commander";
import { addRootAddKey, addRootRemoveKey, addRootRenew, addRootRotate } from "./root-change.ts";
import { addRootInit } from "./root-init.ts";
import { addRootNewKey } from "./root-new-key.ts";
import { addRootShow } from "./root-show.ts";
import { addRootMerge, addRootPublish, addRootSign } from "./root-sign.ts";

/** `ferry root …`: the owners' work. All of it runs without a controller, on whatever machines their keys are. */
export function addRootCommands(program: Command): void {
  const root = program
    .command("root")
    .description("make, change, sign and publish the root of trust: who may sign what");
  addRootNewKey(root);
  addRootInit(root);
  addRootAddKey(root);
  addRootRemoveKey(root);
  addRootRotate(root);
  addRootRenew(root);
  addRootSign(root);
  addRootMerge(root);
  addRootShow(root);
  addRootPublish(root);
}
