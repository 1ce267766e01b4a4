import t from "tap";
import { runFerry } from "../../support/ferry-commands.ts";
import { openHttpModel } from "../../../controller/bench/http-model.ts";
import { measureLoad } from "../../../controller/bench/load.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

t.test("a real agent under load", async (t) => {
  await using agent = await openServingAgent();
  await agent.serve(digitsFolder("1.1.0"));
  const url = new URL(agent.url);

  await t.test("is asked with random values, binary and JSON, and answers all of it", async (t) => {
    for (const json of [false, true]) {
      using model = await openHttpModel({ url, model: "digits", batch: 2, json });
      const load = { kind: "callers", callers: 4 } as const;
      const measured = await measureLoad(model.ask, load, { durationMs: 200 }, new AbortController().signal);
      t.match(measured, { failed: 0 });
      t.ok(measured.requests > 4);
    }
  });

  await t.test("and the command prints a row for each load", async (t) => {
    const args = ["bench", agent.url, "digits", "--callers", "1,2", "--rate", "50", "--duration", "200ms", "-o", "csv"];
    const { code, stdout, stderr } = await runFerry(args);
    t.equal(code, 0);
    t.match(stderr, /callers? .*answers a second/);
    const [head, ...rows] = stdout.trim().split("\n");
    t.match(head, /^load,requests,failed,per_second,p50,p90,p95,p99,p99\.9,max,failures$/);
    t.same(
      rows.map((row) => row.split(",")[0]),
      ["1 caller", "2 callers", "50/s"],
    );
  });

  const wrong: readonly [string, readonly string[], number, RegExp][] = [
    ["a model that is not there", [agent.url, "nothing"], 3, /does not serve a model "nothing"/],
    ["a port where nobody listens", ["http://127.0.0.1:9", "digits"], 5, /Nothing answers/],
    ["an address that is none", ["cam-1.local", "digits"], 2, /not the address/],
    ["no number of callers", [agent.url, "digits", "--callers", "0"], 2, /--callers is "0"/],
    ["inputs that are not there", [agent.url, "digits", "--input", "nothing.json"], 2, /Cannot use nothing\.json/],
  ];
  for (const [what, args, code, message] of wrong) {
    await t.test(`${what} ends with what to do`, async (t) => {
      const finished = await runFerry(["bench", ...args, "--duration", "100ms"]);
      t.equal(finished.code, code);
      t.match(finished.stderr, message);
      t.match(finished.stderr, /hint:/);
    });
  }
});
