import t from "tap";
import { machineNames, readImageBoard, requireBoard } from "../../../agent/first-boot/board.ts";

const pi = { name: "raspberry-pi", compatible: ["raspberrypi,"] };

t.test("an image is for the machines that it names, and a file for the image that it names", async (t) => {
  t.doesNotThrow(() => {
    requireBoard(pi, ["raspberrypi,4-model-b", "brcm,bcm2711"], "raspberry-pi");
    requireBoard(pi, ["raspberrypi,3-model-b", "brcm,bcm2837"], undefined);
    requireBoard({ name: "x86" }, [], undefined);
  });
});

t.test("on another machine, or with another image's file, it says which", async (t) => {
  const wrong = { code: "wrong-board", exitCode: 4 };
  t.throws(
    () => {
      requireBoard(pi, ["linux,dummy-virt"], undefined);
    },
    { ...wrong, message: "This image is for raspberry-pi, and this machine is linux,dummy-virt" },
  );
  t.throws(
    () => {
      requireBoard(pi, [], undefined);
    },
    { ...wrong, message: /a machine without a device tree/ },
  );
  t.throws(
    () => {
      requireBoard({ name: "x86" }, [], "raspberry-pi");
    },
    { ...wrong, message: /was written for raspberry-pi, and this is the image for x86/ },
  );
});

t.test("both are read from files as an image and a kernel write them", async (t) => {
  const folder = t.testdir({
    "board.json": JSON.stringify({ name: "x86" }),
    compatible: "raspberrypi,3-model-b\0brcm,bcm2837\0",
  });
  t.same(await readImageBoard(`${folder}/board.json`), { name: "x86" });
  t.same(await machineNames(`${folder}/compatible`), ["raspberrypi,3-model-b", "brcm,bcm2837"]);
  t.same(await machineNames(`${folder}/none`), []);
});
