/** `npm run image:test -- BOARD`: the built image in an emulator, as its user lives through it. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { requireTools } from "../../firmware-images/lib/tools.ts";
import { openTeller, StepFailed } from "../story/teller.ts";
import { tellBadInputs } from "./bad-inputs.ts";
import { tellLife } from "./life.ts";
import { neededFor, type BoardName } from "./machine.ts";
import { openWorld } from "./world.ts";

const BOARDS = ["x86", "arm64", "raspberry-pi"] as const;
const PARTS = ["life", "bad-inputs"] as const;

const USAGE = `scripts/image-test x86|arm64|raspberry-pi [--image FILE] [--only life|bad-inputs]

  Starts the image in QEMU and a controller beside it: it joins by the file on its boot partition, gets models, answers,
  loses its power in the middle of a transfer, and comes back. Then what people do wrong. Exits 0 only if all held.
`;

interface Wanted {
  readonly board: BoardName;
  readonly image: string;
  readonly only: (typeof PARTS)[number] | undefined;
}

process.exitCode = await main(wanted());

async function main({ board, image, only }: Wanted): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "modelferry-image-"));
  const teller = openTeller();
  const startedMs = performance.now();
  let held = true;
  try {
    const world = await openWorld({ board, image, directory });
    await using _fleet = world.fleet;
    if (only !== "bad-inputs") await tellLife(world, teller);
    if (only !== "life") await tellBadInputs(world, teller);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    held = false;
    teller.say(`What the programs said, and the card: ${directory}`);
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  console.log(`${held ? "All" : "Not all"} steps held: ${teller.stepsTold()} steps in ${seconds} s`);
  if (held) rmSync(directory, { recursive: true, force: true });
  return held ? 0 : 1;
}

function wanted(): Wanted {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { image: { type: "string" }, only: { type: "string" } },
    });
    const board = BOARDS.find((name) => name === positionals[0]);
    if (board === undefined || positionals.length > 1) throw new Error("Which image?");
    const only = PARTS.find((part) => part === values.only);
    if (values.only !== undefined && only === undefined) throw new Error(`--only is ${PARTS.join(" or ")}`);
    const image = values.image ?? join(import.meta.dirname, "..", "..", "dist", "images", `ferry-${board}.img`);
    if (!existsSync(image)) throw new Error(`There is no ${image}: npm run image -- ${board} makes it`);
    requireTools(neededFor(board));
    return { board, image, only };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}
