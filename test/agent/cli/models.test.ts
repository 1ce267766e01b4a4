import { stripVTControlCharacters } from "node:util";
import t from "tap";
import { modelsText } from "../../../agent/cli/models.ts";
import { checkAgentStatus, type AgentStatus } from "../../../agent/status.ts";
import { EVIDENCE, reportOf, serving } from "../../support/device-views.ts";

const slot = serving("a", "1.0.0");
const statement = slot.active?.statement ?? "";
const model = {
  slot: slot.slot,
  version: "1.0.0",
  statement,
  state: "answers",
  provider: "cpu",
  memoryBytes: 71e6,
  restarts: 0,
  sinceMs: 1_000_000,
};
const memory = { availableBytes: 900e6, reserveBytes: 64 * 1024 ** 2 };

function text(models: readonly object[], more: Partial<AgentStatus> = {}): string {
  const status = checkAgentStatus({
    ...reportOf("cam-1"),
    agentVersion: "1.0.0",
    broker: { url: "mqtts://broker:8883", connected: true },
    malformedMessages: 0,
    slots: [slot],
    models,
    memory,
    ...more,
  });
  return stripVTControlCharacters(modelsText(status, 1_060_000));
}

t.test("a row for each model: where it runs, what it takes, how fast it is, since when", async (t) => {
  const lines = text([
    { ...model, variant: "int8", latencyP95Ms: 1.234, restarts: 2 },
    {
      ...model,
      version: "0.9.0",
      statement: "b".repeat(64),
      state: "stands-by",
      memoryBytes: 30e6,
      sinceMs: undefined,
    },
  ]).split("\n");
  t.match(lines[0], /^SLOT +VERSION +ON +VARIANT +MEMORY +STATE +P95 +SINCE$/);
  t.match(lines[1], /1\.0\.0 +cpu +int8 +71 MB +answers, 2 restarts +1\.23 ms +1 min$/);
  t.match(lines[2], /0\.9\.0 +cpu +- +30 MB +stands-by +- +-$/);
  t.equal(lines.at(-1), "models take 101 MB; 900 MB of memory are free, of which 68 MB stay so");
});

t.test("the self-test's time stands in until somebody has asked", async (t) => {
  t.match(text([model]), new RegExp(` ~${EVIDENCE.latencyP95Ms.toFixed(2)} ms `));
});

t.test("a device without a model says what room there is", async (t) => {
  t.equal(text([]), "No model is loaded here.\nmodels take 0 MB; 900 MB of memory are free, of which 68 MB stay so");
  t.match(text([], { memory: { reserveBytes: 1 } }), /models take 0 MB$/, "where the system does not tell");
});
