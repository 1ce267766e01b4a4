import { createCipheriv, createHash, verify } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openBundleDirectory, readSignatureFiles } from "../../agent/store/bundle-directory.ts";
import { judgeDeployment, type GateRequest } from "../../agent/update/deployment-gate.ts";
import { openLog } from "../../common/log.ts";
import type { DeviceId, FleetId, ModelName, ModelVersion, Sha256 } from "../../protocol/ids.ts";
import { BUNDLE_BYTES_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
import { signDeployment, type Deployment } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { parseEnvelope, preAuthenticationEncoding } from "../../protocol/trust/dsse.ts";
import { verifyBundleSignatures } from "../../protocol/trust/model-signing.ts";
import { openSignatureFile } from "../../protocol/trust/signature-file.ts";
import { signedBundle, digitsFiles } from "../../test/support/forged-bundle.ts";
import { newOwners, newRoot } from "../../test/support/keys.ts";
import { writeFiles } from "./write-files.ts";

const HELP = `scripts/bench/verify [--size MB] [--rounds N] [--json]

Measures, by turns in one run, what a device does before it believes a deployment and a bundle of 100 MB on its disk, and
what SHA-256 of the same bytes in memory and one ECDSA verification take by themselves. Times are of the processor, so
that other programs on the machine change little. Exits 1 where a bundle takes more than 1.2 times their sum.`;

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "100" },
    rounds: { type: "string", default: "15" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const RATIO_MAX = 1.2;
/** One verification is a tenth of a millisecond: so many of them are measured as one. */
const DEPLOYMENTS = 200;
const MEBIBYTE = 1024 ** 2;
const rounds = Number(values.rounds);
const [fleet, device] = ["bench" as FleetId, "cam-1" as DeviceId];
const owners = newOwners();
const root = await newRoot(owners);

interface Figures {
  /** Medians of the rounds, in milliseconds of the processor. */
  readonly checkedMs: number;
  readonly bareMs: number;
  /** Median of what each round gave. */
  readonly ratio: number;
}

/** By turns, so that whatever else the machine does falls on both. */
async function compare(checked: () => unknown, bare: () => unknown): Promise<Figures> {
  const pairs: { readonly checkedMs: number; readonly bareMs: number }[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const pair = { checkedMs: await cpuMs(checked), bareMs: await cpuMs(bare) };
    // The first round warms caches and compiler.
    if (round >= 0) pairs.push(pair);
  }
  return {
    checkedMs: median(pairs.map((pair) => pair.checkedMs)),
    bareMs: median(pairs.map((pair) => pair.bareMs)),
    ratio: median(pairs.map((pair) => pair.checkedMs / pair.bareMs)),
  };
}

/** All threads of the process: reading a file is the work of others. */
async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

async function measureDeployment(slotCount: number): Promise<Figures> {
  const nowMs = Date.now();
  const deployment = deploymentOf(slotCount, nowMs);
  const bytes = Buffer.from(JSON.stringify(await signDeployment(deployment, owners.director)));
  const time = { anchor: null, bootMs: 1, challenges: [{ nonce: deployment.nonce ?? "", sentAtBootMs: 0 }] };
  const trust = { root, seq: 0, contentDigest: null, timeFloorMs: 0 };
  const request: GateRequest = { bytes, fleet, device, trust, time };
  const verdict = judgeDeployment(request);
  if (verdict.kind === "refused") throw new Error(`the deployment is refused: ${verdict.refusal.message}`);
  const { payloadType, payload, signatures } = parseEnvelope(bytes);
  const signed = preAuthenticationEncoding(payloadType, payload);
  const [signature = Buffer.alloc(0)] = signatures;
  return compare(
    () => {
      repeat(() => judgeDeployment(request));
    },
    () => {
      repeat(() => {
        sha256(bytes);
        verify("sha256", signed, owners.director.publicKey.key, signature);
      });
    },
  );
}

function repeat(work: () => unknown): void {
  for (let left = DEPLOYMENTS; left > 0; left -= 1) work();
}

function deploymentOf(slotCount: number, nowMs: number): Deployment {
  const digest = (text: string) => sha256(text);
  const slots = Array.from({ length: slotCount }, (_, at) => ({
    slot: `model-${String(at)}` as ModelName,
    model: `model-${String(at)}` as ModelName,
    version: "1.0.0" as ModelVersion,
    statement: digest(`statement ${String(at)}`) as string as Deployment["slots"][number]["statement"],
    archive: { sha256: digest("archive"), length: BUNDLE_BYTES_MAX, chunkList: digest("chunks") satisfies Sha256 },
  }));
  const [issued, expires] = [nowMs, nowMs + 86_400_000].map((ms) => new Date(ms).toISOString());
  return {
    v: 1,
    fleet,
    device,
    seq: 1,
    rootVersion: 1,
    issued: issued ?? "",
    expires: expires ?? "",
    nonce: "n".repeat(22),
    slots,
  };
}

async function measureBundle(folder: string): Promise<Figures> {
  const weights = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(
    Buffer.alloc(Number(values.size) * MEBIBYTE),
  );
  const { files, slot } = await signedBundle(digitsFiles("1.0.0", {}, new Map([["weights.bin", weights]])), [
    owners.publisher,
  ]);
  const bundles = await openBundleDirectory(join(folder, "bundles"), openLog("bench", "error"));
  const staging = await bundles.makeStaging();
  await writeFiles(staging, files);
  await bundles.adopt(staging, slot.statement);
  const { directory } = await bundles.open(slot.statement);
  const signed = [...files].filter(([name]) => !name.startsWith(".oms/")).map(([, bytes]) => bytes);
  const [signatureFile] = await readSignatureFiles(directory);
  const { payloadType, payload, signatures } = openSignatureFile(signatureFile ?? new Uint8Array()).envelope;
  const bytes = preAuthenticationEncoding(payloadType, payload);
  const [signature = Buffer.alloc(0)] = signatures;
  return compare(
    async () => {
      verifyBundleSignatures({ signatureFiles: await readSignatureFiles(directory), publisher: root.roles.publisher });
      await bundles.open(slot.statement);
    },
    () => {
      for (const file of signed) createHash("sha256").update(file).digest();
      verify("sha256", bytes, owners.publisher.publicKey.key, signature);
    },
  );
}

function row(what: string, { checkedMs, bareMs, ratio }: Figures, each: number): string {
  const [checked, bare] = [checkedMs, bareMs].map((ms) => (ms / each).toFixed(3));
  return `${what.padEnd(34)} ${String(checked).padStart(9)} ms, bare ${String(bare).padStart(9)} ms, ratio ${ratio.toFixed(2)}\n`;
}

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "modelferry-bench-"));
  try {
    const one = await measureDeployment(1);
    const full = await measureDeployment(SLOTS_MAX);
    const bundle = await measureBundle(folder);
    if (values.json) process.stdout.write(`${JSON.stringify({ deployment: { one, full }, bundle }, undefined, 2)}\n`);
    else {
      process.stdout.write(row("a deployment of 1 slot", one, DEPLOYMENTS));
      process.stdout.write(row(`a deployment of ${String(SLOTS_MAX)} slots, the most`, full, DEPLOYMENTS));
      process.stdout.write(row(`${values.size} MB of bundle (at most ${String(RATIO_MAX)})`, bundle, 1));
    }
    return bundle.ratio <= RATIO_MAX ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (values.help) process.stdout.write(`${HELP}\n`);
else process.exitCode = await main();
