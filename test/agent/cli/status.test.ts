import { stripVTControlCharacters } from "node:util";
import t from "tap";
import { statusText } from "../../../agent/cli/status.ts";
import { checkAgentStatus, type AgentStatus } from "../../../agent/status.ts";
import { EVIDENCE, reportOf, serving } from "../../support/device-views.ts";

const { active, ...slot } = serving("a", "1.0.0");
const failedProviders = [{ provider: "cuda", why: "no CUDA device was found" }];
const status: AgentStatus = checkAgentStatus({
  ...reportOf("cam-1"),
  agentVersion: "1.0.0",
  broker: { url: "mqtts://broker:8883", connected: true },
  malformedMessages: 0,
  slots: [
    { ...slot, active: { ...active, evidence: { ...EVIDENCE, failedProviders, ignoredSettings: ["gpuMemLimit"] } } },
  ],
});
const text = (more: Partial<AgentStatus> = {}) => stripVTControlCharacters(statusText({ ...status, ...more }));

t.test("where each model runs stands beside it, and below why not on what was wished", async (t) => {
  t.match(text(), /SLOT +PHASE +ACTIVE +DIGEST +ON +REFUSAL\n\S+ +committed +1\.0\.0 +\S+ +cpu\n/);
  t.match(text(), /does not run on cuda: no CUDA device was found\n.*this onnxruntime-node does not read gpuMemLimit$/);
});

t.test("the onnxruntime is told with its providers, and where it lies if it is another one", async (t) => {
  const runtime = { onnxruntime: "1.27.0", providers: ["cpu", "cuda"] };
  t.match(text({ runtime }), /^computes +on cpu, cuda \(onnxruntime 1\.27\.0\)$/m);
  const other = { ...runtime, failedProviders: [{ provider: "webgpu", why: "gone" }], path: "/opt/ort" };
  t.match(
    text({ runtime: other }),
    /^computes +on cpu, cuda; webgpu failed \(onnxruntime 1\.27\.0 from \/opt\/ort\)$/m,
  );
  t.notMatch(text(), /computes/, "an older agent does not tell");
});

t.test("a bundle with variants tells which serves, and what each measured", async (t) => {
  const variants = [
    { name: "default", latencyP95Ms: 2 },
    { name: "int8", latencyP95Ms: 1.234 },
    { name: "fp16", why: "it differs" },
  ];
  const chosen = { ...slot, active: { ...active, evidence: { ...EVIDENCE, variant: "int8", variants } } };
  const { slots } = checkAgentStatus({ ...status, slots: [chosen] });
  t.match(
    text({ slots }),
    /serves its variant int8 of default \(p95 2\.00 ms\), int8 \(p95 1\.23 ms\), fp16 \(it differs\)$/,
  );
});
