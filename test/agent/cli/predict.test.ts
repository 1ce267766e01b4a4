import { writeFileSync } from "node:fs";
import t from "tap";
import { predictLocally } from "../../../agent/cli/predict.ts";
import { agentFolder, checkAgentConfig, writeAgentConfig } from "../../../agent/config.ts";
import { createHttpToken } from "../../../agent/http-tokens.ts";
import { openRunningFile } from "../../../agent/store/running-file.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { runProgram } from "../../support/programs.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

const dir = t.testdir();
const folder = agentFolder(dir);
const config = {
  formatVersion: 1,
  broker: "mqtt://127.0.0.1",
  fleet: "demo",
  device: "one",
  rootPin: "0".repeat(64),
  labels: {},
  http: { host: "127.0.0.1", port: 0 },
  heartbeatMs: 30_000,
  keepAliveSeconds: 60,
};
const input = "examples/clients/digit.json";

t.test("before an agent runs in the folder, that is what is said", async (t) => {
  await t.rejects(predictLocally("digits", { dir, input }), { code: "not-joined" });
  await writeAgentConfig(folder, checkAgentConfig(config));
  await t.rejects(predictLocally("digits", { dir, input }), { code: "not-running", hint: /ferry-agent run/ });
});

t.test("a model on this device is asked from a file, with the token that the folder has", async (t) => {
  const caller = createHttpToken(folder, "caller");
  await using agent = await openServingAgent({ tokens: { caller } });
  await agent.serve(digitsFolder("1.1.0"));
  await using _running = await openRunningFile(folder.running, { pid: process.pid, httpUrl: agent.url });
  const { code, stdout } = await runProgram("ferry-agent", ["predict", "digits", "--input", input, "--dir", dir]);
  t.match([code, JSON.parse(stdout)], [0, { model: "digits", version: "1.1.0", top: [{ label: "7" }] }]);

  const oip = `${dir}/oip.json`;
  const pixels = Array.from({ length: 64 }, () => 0);
  writeFileSync(oip, JSON.stringify({ inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: pixels }] }));
  t.match(JSON.parse(await predictLocally("digits", { dir, input: oip })), { model_name: "digits" });

  await t.rejects(predictLocally("digits", { dir, input: `${dir}/none.json` }), { code: "bad-input", exitCode: 2 });
  await t.rejects(predictLocally("cats", { dir, input }), {
    code: "prediction-refused",
    message: /cats answered 404: .*served here: digits/,
    exitCode: 3,
  });
  writeFileSync(oip, "{}");
  await t.rejects(predictLocally("digits", { dir, input: oip }), {
    message: /digits answered 400: .*"inputs"/,
    hint: /v2\/models\/digits\/docs/,
  });
});
