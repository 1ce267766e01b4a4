import t from "tap";
import { METRICS } from "../../../controller/metrics/definitions.ts";
import { readLocalToken } from "../../../controller/operators/local-operator.ts";
import { openTestController } from "../../support/controller-api.ts";
import { openHandDevice } from "../../support/hand-device.ts";
import { promtool, promtoolAbsent } from "../../support/promtool.ts";
import { until } from "../../support/until.ts";

t.test("a controller gives every figure of the list, under its type, and nothing else of its own", async (t) => {
  await using controller = await openTestController(t.testdir());
  const headers = { authorization: `Bearer ${readLocalToken(controller.paths.operatorToken) ?? ""}` };
  const read = async () => (await fetch(`${controller.httpUrl}/metrics`, { headers })).text();
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, "cam-1");
  await device.say("online");
  await device.introduce();
  const text = await until("the device is counted", async () => {
    const figures = await read();
    return figures.includes('modelferry_devices{state="online"} 1\n') && figures;
  });
  for (const [name, { type }] of Object.entries(METRICS)) t.ok(text.includes(`# TYPE ${name} ${type}\n`), name);
  const own = [...text.matchAll(/^# TYPE (modelferry_\w+)/gm)].map(([, name]) => name);
  t.same(own.toSorted(), Object.keys(METRICS).toSorted());
  t.match(text, /^modelferry_devices\{state="offline"\} 0$/m);
  t.match(text, /^modelferry_telemetry_problems_total\{problem="clock-ahead"\} 0$/m);
  t.match(text, /^modelferry_database_bytes \d{5,}$/m);
  t.test("Prometheus takes them", { skip: promtoolAbsent }, async (t) => {
    // The process figures of prom-client have their own names, which every dashboard for Node.js knows.
    const complaints = promtool(["check", "metrics"], text)
      .split("\n")
      .filter((line) => !/^(nodejs_.*)?$/.test(line));
    t.same(complaints, []);
  });
  t.same(await controller.client.prometheusTargets({ query: {} }), []);
});
