import t from "tap";
import { namedFiles } from "../../../protocol/bundle/agent-part.ts";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";

const agent = {
  formatVersion: 1,
  kind: "agent",
  name: "ferry-agent",
  version: "0.2.0",
  release: 2_000,
  rollbackIndex: 0,
  file: "ferry-agent",
  inputs: [],
  outputs: [],
  compatible: ["linux-x64", "linux-arm64"],
  agent: {
    builds: [
      { hardware: "linux-x64", folder: "linux-x64", glibc: "2.34" },
      { hardware: "linux-arm64", folder: "linux-arm64" },
    ],
  },
};
const model = {
  formatVersion: 1,
  name: "digits",
  version: "1.0.0",
  release: 1,
  rollbackIndex: 0,
  file: "model.onnx",
  inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
  outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2] }],
  golden: "golden.json",
  compatible: ["*"],
};
const parse = (value: object) => parseModelJson(Buffer.from(JSON.stringify(value)));

t.test("a version of the agent is described by its builds", async (t) => {
  t.same(parse(agent), agent);
  t.same(namedFiles(parse(agent)), ["linux-x64/ferry-agent", "linux-arm64/ferry-agent"]);
  t.same(namedFiles(parse(model)), ["model.onnx", "golden.json"]);
});

t.test("what is neither a model nor an agent is refused, and why", async (t) => {
  const [first] = agent.agent.builds;
  for (const [value, why] of [
    [{ ...agent, kind: "firmware" }, /kind/],
    [{ ...agent, name: "digits" }, /is called ferry-agent, not digits/],
    [{ ...agent, agent: undefined }, /"agent" is missing/],
    [{ ...agent, inputs: model.inputs }, /no inputs and outputs/],
    [{ ...agent, golden: "golden.json" }, /"golden" means nothing for an agent/],
    [{ ...agent, compatible: ["*"] }, /names \*, for which there is no build/],
    [{ ...agent, agent: { builds: [first, first] } }, /two builds for one hardware class/],
    [
      { ...agent, agent: { builds: [first, { hardware: "linux-arm64", folder: "linux-x64/arm64" }] } },
      /lies in that of another/,
    ],
    [{ ...model, agent: agent.agent }, /only in a bundle of kind "agent"/],
    [{ ...model, inputs: [] }, /"inputs" is empty/],
    [{ ...model, outputs: [] }, /"outputs" is empty/],
    [{ ...model, golden: undefined }, /"golden" is missing/],
  ] as const) {
    t.throws(() => parse(value), { code: "SCHEMA", message: why }, String(why));
  }
});
