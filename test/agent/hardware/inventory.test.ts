import t from "tap";
import { hardwareClasses, readInventory } from "../../../agent/hardware/inventory.ts";

const boards = [
  {
    model: "Raspberry Pi 5 Model B Rev 1.0",
    chip: "raspberrypi,5-model-b brcm,bcm2712",
    then: ["raspberry-pi", "raspberry-pi-5"],
  },
  {
    model: "Raspberry Pi Zero 2 W Rev 1.0",
    chip: "raspberrypi,model-zero-2-w",
    then: ["raspberry-pi", "raspberry-pi-zero-2"],
  },
  { model: "Raspberry Pi Compute Module 4 Rev 1.1", chip: "", then: ["raspberry-pi", "raspberry-pi-cm4"] },
  { model: "Raspberry Pi Model B Plus Rev 1.2", chip: "", then: ["raspberry-pi"] },
  {
    model: "NVIDIA Jetson Orin Nano Developer Kit",
    chip: "nvidia,p3768-0000+p3767-0005 nvidia,tegra234",
    then: ["jetson", "jetson-orin"],
  },
  { model: "some board", chip: "nvidia,p3450-0000 nvidia,tegra210", then: ["jetson", "jetson-nano"] },
  { model: "Pine64 RockPro64", chip: "rockchip,rk3399", then: [] },
];

for (const { model, chip, then } of boards) {
  t.test(`"${model}" is ${then.join(", ") || "nothing in particular"}`, async (t) => {
    const board = { platform: "linux", arch: "arm64", boardModel: model, boardCompatible: chip };
    t.strictSame(hardwareClasses(board), ["linux-arm64", ...then]);
  });
}

t.test("a machine without a device tree is known by its system and processor", async (t) => {
  const board = { platform: "linux", arch: "x64", boardModel: undefined, boardCompatible: undefined };
  t.strictSame(hardwareClasses(board), ["linux-x64"]);
});

t.test("the inventory of this machine has figures, and names the runtime that the runners load", async (t) => {
  const inventory = await readInventory(t.testdir());
  const hardware = await inventory.hardware();
  t.ok(hardware.memoryBytes > 0 && hardware.diskFreeBytes > 0 && hardware.cpuCount > 0);
  t.match(inventory.onnxruntime, { version: /^\d+\.\d+\.\d+/ });
});
