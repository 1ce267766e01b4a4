/** The clients of examples/ as a person runs them, against a device with and without a token. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { digitsFolder } from "../support/model-folders.ts";
import { openServingAgent } from "../support/serving-agent.ts";

const runFile = promisify(execFile);
const TOKEN = "t".repeat(40);
const folder = new URL("../../examples/clients/", import.meta.url).pathname;

const clients: readonly [command: string, file: string, shows: RegExp][] = [
  ["sh", "curl.sh", /"top":\[\{"label":"7"[^]*"id":"from-curl"[^]*"data":\["0\.\d+:7:7"/],
  ["python3", "client.py", /^digits 1\.1\.0: 7 \(0\.\d{4}\)\n$/],
  [process.execPath, "client.mjs", /^digits 1\.1\.0: 7 \(0\.\d{4}\)\n$/],
];

for (const tokens of [{}, { caller: TOKEN }]) {
  t.test(`at a device ${"caller" in tokens ? "with" : "without"} a token`, async (t) => {
    await using agent = await openServingAgent({ tokens });
    for (const [command, file] of clients) {
      const early = runFile(command, [folder + file, agent.url], { env: { ...process.env, TOKEN } });
      await t.rejects(early, { message: /Command failed/ }, `${file} fails while there is no model`);
    }
    await agent.serve(digitsFolder("1.1.0"));
    for (const [command, file, shows] of clients) {
      const { stdout } = await runFile(command, [folder + file, agent.url], { env: { ...process.env, TOKEN } });
      t.match(stdout, shows, file);
      if (!("caller" in tokens)) continue;
      const refused = runFile(command, [folder + file, agent.url], { env: { ...process.env, TOKEN: "wrong" } });
      await t.rejects(refused, { message: /Command failed/ }, `${file} needs the token`);
    }
  });
}
