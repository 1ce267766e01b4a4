/** Whether this image, and the file on its boot partition, are for the machine that they are in. */
import { readFile } from "node:fs/promises";
import { Type, type Static } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";

/** What the image says of itself; its build writes this file. */
export const ImageBoard = Type.Object({
  name: Type.String({ maxLength: 64 }),
  /** One of them begins one of the machine's names in its device tree; absent where any machine will do. */
  compatible: Type.Optional(Type.Array(Type.String({ maxLength: 128 }), { minItems: 1, maxItems: 16 })),
});
export type ImageBoard = Static<typeof ImageBoard>;

const BOARD_BYTES_MAX = 4_096;
const check = gate("board.json", ImageBoard);

export async function readImageBoard(file: string): Promise<ImageBoard> {
  return parseJson("board.json", await readFile(file), BOARD_BYTES_MAX, check);
}

/** `machine`: its names in the device tree, the most exact first; none where it has no tree. */
export function requireBoard(image: ImageBoard, machine: readonly string[], fileIsFor: string | undefined): void {
  const { name, compatible } = image;
  const isMachine = compatible?.some((prefix) => machine.some((one) => one.startsWith(prefix))) ?? true;
  if (!isMachine) {
    const found = machine.length === 0 ? "a machine without a device tree" : machine.join(", ");
    throw wrong(
      `This image is for ${name}, and this machine is ${found}`,
      "Write the image for this machine onto the card.",
    );
  }
  if (fileIsFor !== undefined && fileIsFor !== name) {
    throw wrong(
      `ferry-agent.env was written for ${fileIsFor}, and this is the image for ${name}`,
      "Put the file that belongs to this device onto its boot partition, or correct FERRY_BOARD in it.",
    );
  }
}

function wrong(message: string, hint: string): FerryError {
  return new FerryError("wrong-board", message, { hint, exitCode: EXIT.notAllowed });
}

/** Strings that end with a zero byte each, one after the other. */
export async function machineNames(file = "/proc/device-tree/compatible"): Promise<readonly string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\0").filter((name) => name !== "");
}
