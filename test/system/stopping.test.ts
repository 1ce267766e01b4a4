/** Ctrl-C and SIGTERM: everything ends within 5 s, and what was asked before is answered. */
import t from "tap";
import { request } from "node:http";
import { readDigits } from "../support/digits.ts";
import { openFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const STOP_MS_MAX = 5_000;
const CLIENTS = 8;

const bundle = new URL("../../examples/digits/v1.1.0", import.meta.url).pathname;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  t.test(
    `${signal} ends agent and controller within 5 s, with the requests in flight answered`,
    { timeout: 120_000 },
    async (t) => {
      const directory = t.testdir();
      await using fleet = await openFleet({ directory, devices: [{ id: "cam-1", labels: [] }] });
      await fleet.startController();
      const [device] = fleet.devices;
      if (device === undefined) throw new Error("there is no device");
      await device.start();
      await until("the device is known", async () => (await fleet.ferry("device", "show", "cam-1")).code === 0);
      const archive = `${directory}/digits.bundle.tar`;
      for (const command of [
        ["bundle", "build", bundle, "--output", archive],
        ["bundle", "sign", archive],
        ["bundle", "push", archive],
        ["rollout", "create", "digits@1.1.0", "--all", "--yes", "--watch", "--timeout", "60"],
      ]) {
        const { code, stderr } = await fleet.ferry(...command);
        t.equal(code, 0, command.slice(0, 2).join(" "));
        if (code !== 0) t.comment(stderr);
      }

      const body = JSON.stringify({
        inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: readDigits()[0]?.pixels }],
      });
      let answered = 0;
      let stopping = false;
      const clients = Array.from({ length: CLIENTS }, async () => {
        for (;;) {
          const isBeforeStop = !stopping;
          const outcome = await ask(`${device.url}/v2/models/digits/infer`, body);
          if (outcome === "200") answered += 1;
          else return isBeforeStop ? `a request from before the stop got ${outcome}` : "refused after the stop";
        }
      });
      await until("the load runs", () => answered > 50);
      stopping = true;
      const tookMs = await device.program().stop(signal);
      t.ok(tookMs < STOP_MS_MAX, `the agent ended in ${tookMs.toFixed(0)} ms`);
      t.same(
        await Promise.all(clients),
        Array(CLIENTS).fill("refused after the stop"),
        "what was asked before was answered",
      );

      const controllerMs = await fleet.controller().stop(signal);
      t.ok(controllerMs < STOP_MS_MAX, `the controller ended in ${controllerMs.toFixed(0)} ms`);
    },
  );
}

/** The status, or the system's code where there was no answer. A connection for each, so that none is caught while idle. */
function ask(url: string, body: string): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(url, { method: "POST", agent: false, headers: { connection: "close" } }, (response) => {
      response.resume().once("end", () => {
        resolve(String(response.statusCode));
      });
      response.once("error", (error) => {
        resolve(error.message);
      });
    });
    asked.once("error", (error) => {
      resolve("code" in error ? String(error.code) : error.message);
    });
    asked.end(body);
  });
}
