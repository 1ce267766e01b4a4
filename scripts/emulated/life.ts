/** A device's life: first start without a network, joining, models, a power cut, and back. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../test/support/until.ts";
import { must, type Teller } from "../story/teller.ts";
import { dataPartition, earliestTime, journalOf, readBootFile, writeBootFile, writeCard } from "./disk.ts";
import { LOOK_MS, said, startMachine, type Machine, type MachinePlan } from "./machine.ts";
import { isOnline, predict, pushDigits, rollOut, sentPercent, tokenFor, untilDone, type World } from "./world.ts";

const DEVICE = "gateway-1";
/** Larger than any image: what is beyond it must become the data partition's. A power of two, as emulated SD cards are. */
const CARD_MIB = 4_096;
/** A controller counts a device as online at its hello, which comes at once. */
const ONLINE_MS_MAX = 600_000;
const TRANSFER_MS_MAX = 600_000;
/** Of the archive, in percent, when the power goes. */
const CUT_BETWEEN = { least: 20, most: 90 };

export async function tellLife(world: World, teller: Teller): Promise<void> {
  const { board, image, directory } = world;
  const card = join(directory, "card.img");
  const plan: MachinePlan = { board, image, disk: card, directory };
  await teller.step("a card of 4 GiB, a token and a root pin on its boot partition", async () => {
    writeCard(image, card, CARD_MIB);
    const token = await tokenFor(world, DEVICE);
    writeBootFile(card, directory, {
      FERRY_BOARD: board,
      FERRY_TOKEN: token,
      FERRY_ROOT_PIN: world.fleet.rootPin,
      FERRY_LABELS: "site=oslo",
    });
    await pushDigits(world, "v1.0.0", "1.0.0");
    await pushDigits(world, "v1.1.0", "1.1.0", true);
    return DEVICE;
  });
  {
    await using machine = await startMachine({ ...plan, isUnplugged: true });
    await joinWithoutNetworkAtFirst(machine, teller);
    await receiveAndAnswer(world, teller);
    await cutTransfer(world, machine, teller);
  }
  await lookAtCard(plan, teller);
  await comeBack(world, plan, teller);
  rmSync(card);
}

async function joinWithoutNetworkAtFirst(machine: Machine, teller: Teller): Promise<void> {
  await teller.step("it starts without a network, says so on the console, and goes on trying", async () => {
    const [line] = await machine.says(
      "it says that it has not joined",
      /ferry\[\d+\]: This device has not joined yet: .*/,
    );
    await machine.says("it says why", /ferry\[\d+\]: .*has no address on any network.*/);
    return `${said(line)} (${machine.seconds()} s after power on)`;
  });
  await teller.step("the cable is plugged in: it joins, and erases the token", async () => {
    await machine.plugIn();
    await machine.says("it says that it has joined", new RegExp(`ferry\\[\\d+\\]: ${DEVICE} has joined the fleet`));
    await machine.says("it says that the token is erased", /ferry\[\d+\]: The join token is erased/);
    return `${machine.seconds()} s after power on`;
  });
}

async function receiveAndAnswer(world: World, teller: Teller): Promise<void> {
  await teller.step("the agent starts, and is online", async () => {
    await until("the device is online", () => isOnline(world, DEVICE), { timeoutMs: ONLINE_MS_MAX, pollMs: LOOK_MS });
    return DEVICE;
  });
  await teller.step("digits@1.0.0 is rolled out, and proved by the device", async () => {
    await rollOut(world, "1.0.0");
    await untilDone(world);
    return "done";
  });
  await teller.step("it answers over MQTT", () => answer(world, "1.0.0"));
}

async function answer(world: World, version: string): Promise<string> {
  const { label, expected, version: answered } = await predict(world, DEVICE);
  must(label === expected, `the digit is ${expected}, not ${label}`);
  must(answered === version, `version ${version} answers, not ${answered}`);
  return `a ${label}, by digits@${answered}`;
}

async function cutTransfer(world: World, machine: Machine, teller: Teller): Promise<void> {
  await teller.step("its power goes in the middle of a transfer (SIGKILL of the emulator)", async () => {
    await rollOut(world, "1.1.0");
    const percent = await until(
      "a part of the bundle is there",
      async () => {
        const sent = await sentPercent(world);
        return sent >= CUT_BETWEEN.least && sent;
      },
      { timeoutMs: TRANSFER_MS_MAX },
    );
    await machine.powerOff();
    must(percent <= CUT_BETWEEN.most, `the cut is in the middle, not at ${percent} %`);
    return `when ${percent} % had been sent`;
  });
}

async function lookAtCard({ disk: card }: MachinePlan, teller: Teller): Promise<void> {
  await teller.step("the card in another computer: no token on it, and the data partition has grown", () => {
    must(!readBootFile(card).includes("mfj1."), "the token is gone");
    const { atMib, sizeMib } = dataPartition(card);
    must(atMib + sizeMib > CARD_MIB - 16, "the data partition reaches the end of the card");
    return Promise.resolve(`data: ${Math.round(sizeMib)} MiB`);
  });
}

async function comeBack(world: World, plan: MachinePlan, teller: Teller): Promise<void> {
  await using machine = await startMachine(plan);
  await teller.step("it comes back by itself and converges on digits@1.1.0", async () => {
    await untilDone(world);
    return `${machine.seconds()} s after power on`;
  });
  await teller.step("and answers with it", () => answer(world, "1.1.0"));
  if (await machine.shutDown()) await lookAtJournal(plan, teller);
}

/** Of a card whose machine was shut down: after a power cut its file system is whole only when it has been mounted again. */
async function lookAtJournal({ disk: card, directory }: MachinePlan, teller: Teller): Promise<void> {
  await teller.step("its journal has all of it, and no clock that began in 2000", () => {
    const journal = journalOf(card, directory);
    const [first] = journal.filter(({ text }) => text.includes("has not joined yet"));
    const joined = journal.find(({ text }) => text.includes(`${DEVICE} has joined the fleet`));
    must(first !== undefined && joined !== undefined, "the journal says what the console said");
    const earliest = earliestTime(card);
    must(
      first.at >= earliest,
      `its clock began at its image's build, ${earliest.toISOString()}, not at ${first.at.toISOString()}`,
    );
    return Promise.resolve(`joined at ${joined.at.toISOString()} by its clock`);
  });
  await teller.step("it went on from what it held before the cut", () => {
    const fetches = journalOf(card, directory, "ferry-agent").flatMap(({ text }) => heldBytes(text) ?? []);
    const held = Math.max(0, ...fetches);
    must(held > 0, "the transfer was not begun anew");
    return Promise.resolve(`${(held / 1e6).toFixed(1)} MB`);
  });
}

/** Of the agent's line about a transfer that begins; undefined for every other line. */
function heldBytes(line: string): number | undefined {
  if (!line.includes('"fetching an archive"')) return undefined;
  return (JSON.parse(line) as { readonly heldBytes: number }).heldBytes;
}
