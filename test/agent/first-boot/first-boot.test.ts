import t from "tap";
import type { Joined } from "../../../agent/cli/join.ts";
import type { JoinOptions } from "../../../agent/cli/join-options.ts";
import { addresses, firstBoot } from "../../../agent/first-boot/first-boot.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { DeviceId, FleetId, Sha256 } from "../../../protocol/ids.ts";

const PIN = "a".repeat(64);
const JOINED: Joined = {
  directory: "/data",
  fleet: "demo" as FleetId,
  device: "cam-1" as DeviceId,
  rootDigest: PIN as Sha256,
  keyFingerprint: PIN,
  asksForToken: false,
};

const ADDRESS = { netmask: "", mac: "", cidr: null, family: "IPv4" as const };
const CABLE = { eth0: [{ ...ADDRESS, address: "10.0.2.15", internal: false }] };

/** Each try ends with the next of these. */
function world(outcomes: readonly unknown[], cableInAfterMs = Infinity) {
  const asked: { address: string | undefined; options: JoinOptions }[] = [];
  const said: string[] = [];
  /** Milliseconds between two tries. */
  const waited: number[] = [];
  let nowMs = 0;
  let triedMs: number | undefined;
  const ports = {
    join: async (address: string | undefined, options: JoinOptions) => {
      const outcome = outcomes[asked.length];
      asked.push({ address, options });
      if (triedMs !== undefined) waited.push(nowMs - triedMs);
      triedMs = nowMs;
      if (outcome !== undefined) throw outcome as Error;
      return Promise.resolve(JOINED);
    },
    say: (line: string) => said.push(line),
    networks: () => (nowMs < cableInAfterMs ? {} : CABLE),
    clock: {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms;
      },
    },
    random: () => 0,
  };
  return { asked, said, waited, ports };
}

const unreachable = new FerryError("enrol-unreachable", "Cannot enrol at https://10.0.2.2:1: ENETUNREACH", {
  exitCode: EXIT.unreachable,
});
const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

t.test("what heals is tried again, later each time, and the reason is said", async (t) => {
  const file = t.testdir({ env: `FERRY_TOKEN=mfj1.x\nFERRY_ROOT_PIN=${PIN}\nFERRY_LABELS=site=oslo\n` });
  const { asked, said, waited, ports } = world([unreachable, full, unreachable]);
  t.equal(await firstBoot({ file: `${file}/env`, dir: "/data" }, ports), JOINED);
  t.same(waited, [2_500, 5_000, 10_000]);
  t.match(said[0], /has not joined yet: Cannot enrol at .*ENETUNREACH/);
  t.match(said[3], /The card is full: .* Trying again in 5 s/);
  t.match(asked[0], { address: "mfj1.x", options: { rootPin: PIN, label: ["site=oslo"], dir: "/data" } });
});

t.test("a cable that is plugged in ends the wait", async (t) => {
  const file = t.testdir({ env: `FERRY_TOKEN=mfj1.x\nFERRY_ROOT_PIN=${PIN}\n` });
  const { waited, ports } = world([unreachable, unreachable, unreachable, unreachable], 21_000);
  t.equal(await firstBoot({ file: `${file}/env`, dir: "/data" }, ports), JOINED);
  t.same(waited, [2_500, 5_000, 10_000, 4_000], "and not 20 s");
});

t.test("what a person must change ends it, and nothing weaker is tried", async (t) => {
  const file = t.testdir({ env: `FERRY_TOKEN=mfj1.x\nFERRY_ROOT_PIN=${PIN}\n` });
  const mismatch = new FerryError("root-pin-mismatch", "another root", { exitCode: EXIT.notAllowed });
  const { asked, waited, ports } = world([mismatch]);
  await t.rejects(firstBoot({ file: `${file}/env`, dir: "/data" }, ports), mismatch);
  t.equal(asked.length, 1);
  t.same(waited, []);
});

t.test("without a file, or on another board, nobody is asked", async (t) => {
  const folder = t.testdir({
    env: `FERRY_BOARD=x86\nFERRY_TOKEN=mfj1.x\nFERRY_ROOT_PIN=${PIN}\n`,
    "board.json": JSON.stringify({ name: "arm64" }),
  });
  const { asked, ports } = world([]);
  await t.rejects(firstBoot({ file: `${folder}/none`, dir: "/data" }, ports), { code: "boot-file" });
  const board = `${folder}/board.json`;
  await t.rejects(firstBoot({ file: `${folder}/env`, dir: "/data", board }, ports), { code: "wrong-board" });
  t.same(asked, []);
});

t.test("whoever stands before it is told whether the network is there at all", async (t) => {
  t.match(addresses({ lo: [{ ...ADDRESS, address: "127.0.0.1", internal: true }] }), /is the cable in/);
  t.equal(addresses(CABLE), "Its addresses: 10.0.2.15 (eth0).");
});
