/** One device as it really runs, one attacker, and the honest fleet around them: where every attack of the table is tried. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeAgentConfig, agentFolder } from "../../../agent/config.ts";
import { fetchStatus } from "../../../agent/cli/status.ts";
import type { AgentStatus } from "../../../agent/status.ts";
import { createKeyFile } from "../../../common/key-file.ts";
import { writeFileDurably } from "../../../agent/store/durable-file.ts";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { fleetTopics } from "../../../protocol/topics.ts";
import type { DeployedSlot, Deployment } from "../../../protocol/trust/deployment.ts";
import { askOverJson, readDigits } from "../../support/digits.ts";
import { archiveOf, type ForgedBundle } from "../../support/forged-bundle.ts";
import { freePorts, startProgram, type Environment, type Program } from "../../support/programs.ts";
import { startSteadyLoad } from "../../support/steady-load.ts";
import { until } from "../../support/until.ts";
import { archiveSourceOf } from "../../support/archive-in-memory.ts";
import type { AttackCase, Outcome, Power, Stage } from "./attack.ts";
import type { FromAttacker, ToAttacker } from "./attacker-messages.ts";
import type { Loot } from "./attacker.ts";
import { openHonestController } from "./honest-controller.ts";
import { gatherLoot, type Spoils } from "./spoils.ts";

const FLEET = "demo" as FleetId;
const DEVICE = "one" as DeviceId;
/** An archive of thousands of files takes some seconds; what is not refused by then was let through. */
const REFUSAL_MS_MAX = 20_000;
/** Enough to notice a gap of a few requests, few enough to leave the processor to the attack. */
const REQUESTS_PER_SECOND = 20;

export async function openStage(base: string): Promise<Stage> {
  await using resources = new AsyncDisposableStack();
  const spoils = await gatherLoot(FLEET, DEVICE);
  const attacker = resources.use(await openAttacker());
  const honestFolder = join(base, "controller");
  mkdirSync(honestFolder, { recursive: true });
  const honest = resources.use(
    await openHonestController({
      url: attacker.url,
      folder: honestFolder,
      fleet: FLEET,
      device: DEVICE,
      director: spoils.owners.director,
    }),
  );
  await honest.publishRoot(spoils.root);
  const folder = join(base, "agent");
  const port = await joinFleet(folder, attacker.url, spoils);
  const url = `http://127.0.0.1:${String(port)}`;
  let program: Program | undefined;
  resources.defer(async () => {
    await program?.stop();
  });

  const status = () => fetchStatus(folder);
  const waitUntil = (what: string, wanted: (status: AgentStatus) => boolean) => {
    let last: AgentStatus | undefined;
    return until(what, async () => {
      last = await status().catch(() => undefined);
      return last !== undefined && wanted(last) && last;
    }).catch((cause: unknown) => {
      const said = program?.output().slice(-3_000) ?? "";
      throw new Error(`${what}: in vain; the device: ${JSON.stringify(last)}\n${said}`, { cause });
    });
  };

  async function deploy(bundles: readonly ForgedBundle[], changes: Partial<Deployment> = {}): Promise<void> {
    const slots: DeployedSlot[] = [];
    for (const { slot, files } of bundles) {
      const archive = await archiveOf(files);
      await attacker.order({ kind: "serve", archive });
      slots.push({ ...slot, archive: archiveSourceOf(archive).archive });
    }
    await honest.deploy((await status()).seq + 1, slots, changes);
  }

  /** Everything is as it was: the sound model answers, and nothing is refused. */
  async function settle(): Promise<void> {
    await attacker.order({ kind: "relent" });
    honest.silent = false;
    await deploy([spoils.base]);
    await waitUntil("the device is at rest with its sound model", ({ refusal, slots: [slot, ...others] }) => {
      return (
        refusal === undefined && others.length === 0 && slot?.phase === "committed" && slot.active?.version === "1.0.0"
      );
    });
  }

  async function powerUp(environment: Environment = {}): Promise<void> {
    program = startProgram("ferry-agent", ["run", "--dir", folder], { env: environment });
    await until("the agent answers", () => status().catch(() => undefined));
  }

  async function fence(): Promise<void> {
    const { malformedMessages } = await status();
    await attacker.order({ kind: "fence", topic: fleetTopics(FLEET).rootAny.replace("+", "fence") });
    await waitUntil("the fence is reached", (now) => now.malformedMessages > malformedMessages);
  }

  const slotRefusal = ({ slots }: AgentStatus) => slots.find(({ refusal }) => refusal !== undefined)?.refusal;
  const refusalNow = (status: AgentStatus) => status.refusal ?? slotRefusal(status);

  async function watch({ outcome }: AttackCase, attempt: () => Promise<void>): Promise<Outcome> {
    const before = await status();
    await attempt();
    await fence();
    if (outcome === "no effect") {
      const after = await status();
      const same = after.seq === before.seq && JSON.stringify(after.slots) === JSON.stringify(before.slots);
      return refusalNow(after)?.code ?? (same ? "no effect" : "recovers");
    }
    return stage.refusal();
  }

  const stage: Stage = {
    honest,
    spoils,
    folder,
    status,
    pid: () => program?.pid ?? 0,
    refusal: (of) => {
      const look = async () => (of === "slot" ? slotRefusal : refusalNow)(await status());
      const refused = until("something is refused", look, { timeoutMs: REFUSAL_MS_MAX });
      return refused.then(
        ({ code }) => code,
        () => "no effect",
      );
    },
    until: waitUntil,
    fence,
    deploy,
    relent: () => attacker.order({ kind: "relent" }),
    cutPower: async () => {
      await program?.stop("SIGKILL");
    },
    powerUp,
    version: () =>
      until("a model answers", async () => (await askOverJson(url, DIGIT).catch(() => undefined))?.version),
    run: async (attack) => {
      await settle();
      const load = startSteadyLoad(url, DIGITS_ASKED, REQUESTS_PER_SECOND);
      const loot: Loot = { ...spoils.loot, ...powerOf(attack.power, spoils, folder, program?.pid ?? 0) };
      const attempt = () => attacker.order({ kind: "attempt", attack: attack.attack, loot });
      let outcome: Outcome;
      let message: string;
      try {
        outcome = await (attack.play?.(stage, attempt) ?? watch(attack, attempt));
        message = refusalNow(await status())?.message ?? "nothing";
        await stage.version();
      } finally {
        await attacker.order({ kind: "relent" });
      }
      const { answers, failures } = await load.stop();
      return { outcome, message, answered: answers.length, failures };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
  await powerUp();
  const opened = resources.move();
  return stage;
}

const DIGITS_ASKED = readDigits();
const [DIGIT = { name: "", label: "", pixels: [] }] = DIGITS_ASKED;

function powerOf(power: Power, { owners, publishers }: Spoils, folder: string, pid: number): Partial<Loot> {
  switch (power) {
    case "network":
    case "broker":
      return { keys: {} };
    case "controller":
      return { keys: { director: owners.directorPem } };
    case "publisher-minus-one":
      return { keys: { director: owners.directorPem, publisher: publishers.onePem } };
    case "disk":
      return { keys: {}, agent: { folder, pid } };
  }
}

/** As `ferry-agent join` leaves it. Gives the port on which models answer. */
async function joinFleet(directory: string, broker: string, { root }: Spoils): Promise<number> {
  const [port = 0] = await freePorts(1);
  const folder = agentFolder(directory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await createKeyFile(folder.key);
  await writeFileDurably(folder.firstRoot, root.bytes);
  await writeAgentConfig(folder, {
    formatVersion: 1,
    broker,
    fleet: FLEET,
    device: DEVICE,
    rootPin: root.digest,
    labels: {},
    http: { host: "127.0.0.1", port },
    heartbeatMs: 30_000,
    keepAliveSeconds: 60,
  });
  return port;
}

interface AttackerProcess extends AsyncDisposable {
  readonly url: string;
  readonly order: (order: ToAttacker) => Promise<void>;
}

async function openAttacker(): Promise<AttackerProcess> {
  const child = fork(new URL("attacker-main.ts", import.meta.url), [FLEET, DEVICE], { serialization: "advanced" });
  const exited = once(child, "exit");
  const listening = Promise.withResolvers<string>();
  const orders = new Map<number, PromiseWithResolvers<undefined>>();
  child.on("message", (message) => {
    const said = message as FromAttacker;
    if (said.kind === "listening") listening.resolve(said.url);
    else if (said.error === undefined) orders.get(said.number)?.resolve(undefined);
    else orders.get(said.number)?.reject(new Error(`the attack broke: ${said.error}`));
  });
  const gone = exited.then(() => {
    throw new Error("the attacker's process ended");
  });
  gone.catch(() => undefined);
  return {
    url: await Promise.race([listening.promise, gone]),
    order: async (order) => {
      const done = Promise.withResolvers<undefined>();
      const number = orders.size;
      orders.set(number, done);
      child.send({ number, order });
      await Promise.race([done.promise, gone]);
    },
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
