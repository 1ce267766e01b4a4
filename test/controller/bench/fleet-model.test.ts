import t from "tap";
import { FerryError } from "../../../common/ferry-error.ts";
import { openFleetModel, type FleetModelOptions } from "../../../controller/bench/fleet-model.ts";
import type { Bundle } from "../../../controller/http/bundle-routes.ts";
import type { DeviceId, ModelName } from "../../../protocol/ids.ts";

const X = { name: "x", datatype: "FP32", shape: [-1, 3] };
type Predict = FleetModelOptions["client"]["predict"];

function options(predict: Predict, known = true): FleetModelOptions {
  // Of a catalogue's entry only the inputs matter here.
  const bundles = known ? [{ model: { inputs: [X] } } as unknown as Bundle] : [];
  const client = { predict, listBundles: () => Promise.resolve({ bundles }) };
  return { client, device: "cam-1" as DeviceId, model: "m" as ModelName, batch: 2 };
}
const answer = {} as Awaited<ReturnType<Predict>>;

t.test(
  "a device is asked with random values of the catalogue's shapes, and refusals are counted by their code",
  async (t) => {
    const asked: Parameters<Predict>[0][] = [];
    const model = await openFleetModel(
      options((request) => {
        asked.push(request);
        if (asked.length > 2) return Promise.reject(new FerryError("no-answer", "cam-1 did not answer"));
        return Promise.resolve(answer);
      }),
    );
    t.match(asked[0], { params: { device: "cam-1", model: "m" }, body: { inputs: [{ name: "x", shape: [2, 3] }] } });
    t.same(await model.ask(), { answered: true, status: "200" });
    t.same(await model.ask(), { answered: false, status: "no-answer" });
    t.ok(model.requestBytes > 50);
  },
);

t.test("a first question that is refused, and a model that nobody knows, are errors", async (t) => {
  await t.rejects(openFleetModel(options(() => Promise.reject(new FerryError("no-answer", "gone")))), {
    code: "no-answer",
  });
  await t.rejects(openFleetModel(options(() => Promise.resolve(answer), false)), { code: "not-found" });
});
