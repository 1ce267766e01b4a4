/** `ferry-agent first-boot`: a device without a screen joins its fleet as a file on its boot partition says. */
import { open } from "node:fs/promises";
import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import type { Clock } from "../../common/clock.ts";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Joined, JoinListener } from "../cli/join.ts";
import type { JoinOptions } from "../cli/join-options.ts";
import { DEFAULT_HTTP } from "../config.ts";
import { BOOT_FILE_BYTES_MAX, parseBootFile, type BootFile } from "./boot-file.ts";
import { machineNames, readImageBoard, requireBoard } from "./board.ts";
import { canHeal } from "./decide.ts";

export interface FirstBootPorts {
  readonly join: (address: string | undefined, options: JoinOptions, listener: JoinListener) => Promise<Joined>;
  readonly say: (line: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface FirstBootOptions {
  /** `ferry-agent.env`. */
  readonly file: string;
  readonly dir: string;
  /** What the image says of itself; undefined on a machine that was not made from one. */
  readonly board?: string;
}

/** A cable that is plugged in a minute later is seen soon; a site without a network for a week is not filled with lines. */
const AGAIN: BackoffPolicy = { firstMs: 5_000, mostMs: 300_000 };

/** Resolves when the device has joined. Throws FerryError for what a person must change. */
export async function firstBoot({ file, dir, board }: FirstBootOptions, ports: FirstBootPorts): Promise<Joined> {
  const asked = parseBootFile(await readBootFile(file));
  if (board !== undefined) requireBoard(await readImageBoard(board), await machineNames(), asked.board);
  for (let failures = 0; ; failures += 1) {
    try {
      return await ports.join(asked.token, joinOptions(asked, dir), listener(ports));
    } catch (thrown) {
      if (!canHeal(failureOf(thrown))) throw thrown;
      const waitMs = backoffMs(AGAIN, failures, ports.random);
      ports.say(`This device has not joined yet: ${messageOf(thrown)}`);
      ports.say(`  ${whatToSee(thrown)} Trying again in ${Math.ceil(waitMs / 1_000)} s.`);
      await ports.clock.sleep(waitMs);
    }
  }
}

function listener({ say }: FirstBootPorts): JoinListener {
  return {
    onWaiting: ({ fleet, device, fingerprint }) => {
      say(`${device} asks to join the fleet ${fleet} and waits for an operator. Its key: ${fingerprint}`);
      say(`  ferry device approve ${device} --fingerprint ${fingerprint}`);
    },
    onTrouble: (why) => {
      say(`This device waits: ${why}. ${addresses(networkInterfaces())}`);
    },
  };
}

function joinOptions({ board: _board, token: _token, httpHost, labels, ...asked }: BootFile, dir: string): JoinOptions {
  // What an earlier boot left half done, before a power cut, is begun again; the key stays.
  return { ...asked, label: labels, dir, httpPort: DEFAULT_HTTP.port, httpHost: httpHost ?? DEFAULT_HTTP.host };
}

async function readBootFile(file: string): Promise<string> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(BOOT_FILE_BYTES_MAX) });
    return buffer.toString("utf8", 0, bytesRead);
  } catch (cause) {
    throw new FerryError("boot-file", `Cannot read ferry-agent.env on the boot partition: ${messageOf(cause)}`, {
      hint: "Put it there on any computer, with FERRY_TOKEN and FERRY_ROOT_PIN as `ferry device invite NAME` prints them, and start the device again.",
      exitCode: EXIT.usage,
      cause,
    });
  }
}

function failureOf(thrown: unknown) {
  return thrown instanceof FerryError
    ? { code: thrown.code, exitCode: thrown.exitCode }
    : { code: systemCodeOf(thrown), exitCode: undefined };
}

/** What whoever stands before the device can look at. */
function whatToSee(thrown: unknown): string {
  if (isFull(thrown)) return "The card is full: make room on its data partition, or use a larger one.";
  return addresses(networkInterfaces());
}

function isFull(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (["ENOSPC", "EDQUOT"].includes(systemCodeOf(error) ?? "")) return true;
  }
  return false;
}

/** Whether the network is there at all, or only what lies behind it is not. */
export function addresses(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string {
  const own = Object.entries(interfaces).flatMap(([name, found = []]) =>
    found.filter(({ internal, family }) => !internal && family === "IPv4").map(({ address }) => `${address} (${name})`),
  );
  return own.length === 0
    ? "It has no address on any network: is the cable in, and does the network give addresses (DHCP)?"
    : `Its addresses: ${own.join(", ")}.`;
}
