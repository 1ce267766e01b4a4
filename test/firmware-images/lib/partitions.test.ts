import t from "tap";
import { partitionScript, planPartitions } from "../../../firmware-images/lib/partitions.ts";

t.test("partitions follow one another, and all of the root fits with room to spare", async (t) => {
  for (const partitionTable of ["gpt", "dos"] as const) {
    for (const files of [100, 731, 2_000]) {
      const plan = planPartitions(files, { partitionTable });
      t.equal(plan.rootAt, plan.bootAt + plan.bootSize);
      t.equal(plan.dataAt, plan.rootAt + plan.rootSize);
      t.ok(plan.rootSize >= files * 1.1 + 48);
      t.ok(plan.total > plan.dataAt + plan.dataSize, "GPT's copy has its place");
    }
  }
});

t.test("an SD card's image has a size that emulated cards can have", async (t) => {
  t.equal(planPartitions(731, { partitionTable: "dos" }).total, 2_048);
  t.equal(planPartitions(2_000, { partitionTable: "dos" }).total, 4_096);
});

t.test("sfdisk is told of a boot partition that each kind of firmware takes", async (t) => {
  const plan = planPartitions(100, { partitionTable: "gpt" });
  t.match(partitionScript(plan, "gpt"), /^label: gpt\nstart=4MiB, size=160MiB, type=uefi, name=boot\n/);
  t.match(partitionScript(plan, "dos"), /^label: dos\nstart=4MiB, size=160MiB, type=c, bootable\n/);
});
