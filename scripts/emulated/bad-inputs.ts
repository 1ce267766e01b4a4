/** What people do wrong: each says so on the console, and the device joins nothing. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { must, type Teller } from "../story/teller.ts";
import { changeData, fillData, hasJoined, journalOf, writeBootFile, writeCard } from "./disk.ts";
import { said, startMachine, type Machine, type MachinePlan } from "./machine.ts";
import { isOnline, tokenFor, type World } from "./world.ts";

const DEVICE = "gateway-2";

interface BadInput {
  readonly when: string;
  readonly lines: (token: string, rootPin: string) => Readonly<Record<string, string>>;
  readonly says: RegExp;
}

const OTHER_BOARD = { x86: "raspberry-pi", arm64: "x86", "raspberry-pi": "x86" } as const;

const INPUTS: readonly BadInput[] = [
  {
    when: "the file has no token",
    lines: (_, FERRY_ROOT_PIN) => ({ FERRY_TOKEN: "", FERRY_ROOT_PIN }),
    says: /ferry\[\d+\]: .*cannot be used: it has no FERRY_TOKEN.*/,
  },
  {
    when: "the token is one that this controller never gave out",
    lines: (token, FERRY_ROOT_PIN) => ({ FERRY_TOKEN: otherSecret(token), FERRY_ROOT_PIN }),
    says: /ferry\[\d+\]: .*The controller refused: no such token.*/,
  },
  {
    when: "the root pin is that of another fleet",
    lines: (FERRY_TOKEN) => ({ FERRY_TOKEN, FERRY_ROOT_PIN: "0".repeat(64) }),
    says: /ferry\[\d+\]: .*The fleet offers another root than the one that you named.*/,
  },
];

export async function tellBadInputs(world: World, teller: Teller): Promise<void> {
  const { board, image, directory, fleet } = world;
  const card = join(directory, "bad.img");
  const plan: MachinePlan = { board, image, disk: card, directory };
  const token = await tokenFor(world, DEVICE);
  writeCard(image, card);
  const otherBoard: BadInput = {
    when: "the file was written for another board",
    lines: () => ({ FERRY_BOARD: OTHER_BOARD[board], FERRY_TOKEN: token, FERRY_ROOT_PIN: fleet.rootPin }),
    says: /ferry\[\d+\]: .*was written for .*/,
  };
  for (const { when, lines, says } of [otherBoard, ...INPUTS]) {
    await teller.step(when, async () => {
      writeBootFile(card, directory, lines(token, fleet.rootPin));
      await using machine = await startMachine(plan);
      const [line] = await machine.says("it says what is wrong", says);
      must(!(await isOnline(world, DEVICE)), "nothing has joined");
      await endAndLook(machine, plan, line);
      must(!hasJoined(card), "there is nothing for an agent to start from");
      return said(line);
    });
  }
  if (board === "raspberry-pi") await tellOtherMachine(plan, teller);
  else await tellFullCard(world, plan, teller);
  rmSync(card);
}

/** What it said on its console stands in its journal too. */
async function endAndLook(machine: Machine, { disk, directory }: MachinePlan, line: string): Promise<void> {
  if (!(await machine.shutDown())) return;
  const journal = journalOf(disk, directory).map(({ text }) => text);
  must(journal.includes(said(line)), `the journal says it as well, not only: ${journal.join(" | ")}`);
}

async function tellOtherMachine(plan: MachinePlan, teller: Teller): Promise<void> {
  await teller.step("the image is in another machine than it is for", async () => {
    await using machine = await startMachine({ ...plan, isOtherBoard: true });
    const [line] = await machine.says("it says that it is not for this one", /ferry\[\d+\]: .*This image is for .*/);
    return said(line);
  });
}

/** The card is just as large as its image, and something has filled it. */
async function tellFullCard(world: World, plan: MachinePlan, teller: Teller): Promise<void> {
  const { directory, fleet } = world;
  await teller.step("the card is full: it says so, and goes on trying", async () => {
    writeBootFile(plan.disk, directory, { FERRY_TOKEN: await tokenFor(world, DEVICE), FERRY_ROOT_PIN: fleet.rootPin });
    fillData(plan.disk, directory);
    await using machine = await startMachine(plan);
    const [line] = await machine.says(
      "it says that there is no room",
      /ferry\[\d+\]: .*The card is full.*Trying again.*/,
    );
    await machine.shutDown();
    must(!hasJoined(plan.disk), "there is nothing for an agent to start from");
    return said(line);
  });
  await teller.step("room is made: it joins at the next start", async () => {
    changeData(plan.disk, "rm filling");
    await using machine = await startMachine(plan);
    await machine.says("it says that it has joined", new RegExp(`ferry\\[\\d+\\]: ${DEVICE} has joined the fleet`));
    return `${machine.seconds()} s after power on`;
  });
}

/** The same token with another secret: 256 random bits that nobody gave out. */
function otherSecret(token: string): string {
  const [prefix = "", body = ""] = token.split(".");
  const said = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
  return `${prefix}.${Buffer.from(JSON.stringify({ ...said, secret: "A".repeat(43) })).toString("base64url")}`;
}
