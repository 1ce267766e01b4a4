/** `ferry-agent first-boot`: a device without a screen joins its fleet as a file on its boot partition says. */
import { open } from "node:fs/promises";
import type { NetworkInterfaceInfo } from "node:os";
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
  /** What this machine's networks have given it, as `os.networkInterfaces` tells. */
  readonly networks: () => Networks;
  readonly clock: Clock;
  readonly random: () => number;
}

type Networks = NodeJS.Dict<NetworkInterfaceInfo[]>;

export interface FirstBootOptions {
  /** `ferry-agent.env`. */
  readonly file: string;
  readonly dir: string;
  /** What the image says of itself; undefined on a machine that was not made from one. */
  readonly board?: string;
}

/** A controller that is back in a minute is seen soon; a site without one for a week does not fill the journal. */
const AGAIN: BackoffPolicy = { firstMs: 5_000, mostMs: 300_000 };
/** Whoever plugs a cable in stands there and waits. */
const LOOK_MS = 2_000;

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
      const seen = addresses(ports.networks());
      const todo = isFull(thrown) ? "The card is full: make room on its data partition, or use a larger one." : seen;
      ports.say(`  ${todo} Trying again in ${Math.ceil(waitMs / 1_000)} s.`);
      await waitOrNetwork(waitMs, seen, ports);
    }
  }
}

/** Until the time has passed, or the networks have given this device other addresses than those that were seen. */
async function waitOrNetwork(waitMs: number, seen: string, { clock, networks }: FirstBootPorts): Promise<void> {
  for (let leftMs = waitMs; leftMs > 0 && addresses(networks()) === seen; leftMs -= LOOK_MS) {
    await clock.sleep(Math.min(LOOK_MS, leftMs));
  }
}

function listener({ say, networks }: FirstBootPorts): JoinListener {
  return {
    onWaiting: ({ fleet, device, fingerprint }) => {
      say(`${device} asks to join the fleet ${fleet} and waits for an operator. Its key: ${fingerprint}`);
      say(`  ferry device approve ${device} --fingerprint ${fingerprint}`);
    },
    onTrouble: (why) => {
      say(`This device waits: ${why}. ${addresses(networks())}`);
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

function isFull(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (["ENOSPC", "EDQUOT"].includes(systemCodeOf(error) ?? "")) return true;
  }
  return false;
}

/** Whether the network is there at all, or only what lies behind it is not. */
export function addresses(interfaces: Networks): string {
  const own = Object.entries(interfaces).flatMap(([name, found = []]) =>
    found.filter(({ internal, family }) => !internal && family === "IPv4").map(({ address }) => `${address} (${name})`),
  );
  return own.length === 0
    ? "It has no address on any network: is the cable in, and does the network give addresses (DHCP)?"
    : `Its addresses: ${own.join(", ")}.`;
}
