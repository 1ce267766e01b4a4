/** Whoever sits on the wire can lose, spoil and cut; what was asked for comes in the end, and nothing else. */
import { setTimeout as sleep } from "node:timers/promises";
import { decodeChunkFrame } from "../../../../protocol/transfer/chunk-frame.ts";
import type { AttackCase, Stage } from "../attack.ts";

/** How long an attack on the transfer lasts: several times what the transfer takes without it. */
const SIEGE_MS = 1_500;

export const NETWORK_ATTACKS: readonly AttackCase[] = [
  {
    attack: "every chunk withheld",
    power: "network",
    outcome: "waits",
    attempt: (attacker) => {
      attacker.broker.meddle = (topic, payload) => (isChunk(topic) ? undefined : payload);
    },
    play: async (stage, attempt) => {
      await besiege(stage, attempt, "2.0.1");
      const { slots } = await stage.status();
      const isWaiting = slots[0]?.phase === "transferring" && slots[0].active?.version === "1.0.0";
      return isWaiting ? "waits" : "recovers";
    },
  },
  {
    attack: "a mix: the archive of one of two slots withheld",
    power: "network",
    outcome: "waits",
    attempt: (attacker) => {
      let passing: string | undefined;
      attacker.broker.meddle = (topic, payload) => {
        if (!isChunk(topic)) return payload;
        const { transfer } = decodeChunkFrame(payload).header;
        passing ??= transfer;
        return transfer === passing ? payload : undefined;
      };
    },
    play: async (stage, attempt) => {
      await attempt();
      await stage.deploy([await stage.spoils.unseen("2.0.5"), stage.spoils.other]);
      await stage.until("the first is there, and the second is not", ({ slots: [first, second] }) => {
        return first?.phase === "verifying" && second?.phase === "transferring";
      });
      await sleep(SIEGE_MS);
      const isWhole = (await stage.version()) === "1.0.0" && (await stage.status()).slots[0]?.phase === "verifying";
      return isWhole ? "waits" : "no effect";
    },
  },
  {
    attack: "every second chunk lost",
    power: "network",
    outcome: "recovers",
    attempt: (attacker) => {
      let passed = 0;
      attacker.broker.meddle = (topic, payload) => (isChunk(topic) && (passed += 1) % 2 === 1 ? undefined : payload);
    },
    play: async (stage, attempt) => {
      await besiege(stage, attempt, "2.0.2", 0);
      await stage.until("the model comes all the same", ({ slots }) => slots[0]?.active?.version === "2.0.2");
      return "recovers";
    },
  },
  {
    attack: "every chunk spoilt for a while",
    power: "network",
    outcome: "recovers",
    attempt: (attacker) => {
      attacker.broker.meddle = (topic, payload) => (isChunk(topic) ? spoilt(payload) : payload);
    },
    play: async (stage, attempt) => {
      await besiege(stage, attempt, "2.0.3");
      const { slots } = await stage.status();
      if (slots[0]?.active?.version !== "1.0.0") return "no effect";
      await stage.relent();
      await stage.until("the true bytes are taken", (now) => now.slots[0]?.active?.version === "2.0.3");
      return "recovers";
    },
  },
  {
    attack: "the connection cut in the middle of a transfer, again and again",
    power: "network",
    outcome: "recovers",
    attempt: async (attacker) => {
      let chunks = 0;
      attacker.broker.meddle = (topic, payload) => {
        if (isChunk(topic) && (chunks += 1) < 3) {
          attacker.broker.cut();
          return undefined;
        }
        return payload;
      };
      await Promise.resolve();
    },
    play: async (stage, attempt) => {
      await besiege(stage, attempt, "2.0.4", 0);
      await stage.until("the model comes all the same", ({ slots }) => slots[0]?.active?.version === "2.0.4");
      return "recovers";
    },
  },
];

async function besiege(stage: Stage, attempt: () => Promise<void>, version: string, forMs = SIEGE_MS): Promise<void> {
  await attempt();
  await stage.deploy([await stage.spoils.unseen(version)]);
  await sleep(forMs);
}

function isChunk(topic: string): boolean {
  return topic.endsWith("/dn/x") || topic.includes("/x/");
}

function spoilt(payload: Uint8Array): Uint8Array {
  const bytes = Buffer.from(payload);
  const at = bytes.byteLength - 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
}
