/** A picture on its way through a whole fleet of real processes, and parameters that change what is made of it. */
import t from "tap";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyDigits } from "../support/bundles.ts";
import { readDigits } from "../support/digits.ts";
import { openFleet } from "../support/fleet.ts";
import { drawn, png } from "../support/pictures.ts";
import { until } from "../support/until.ts";

t.test(
  "a picture is asked over MQTT, and a rollout of parameters changes the answer without a load",
  { timeout: 180_000 },
  async (t) => {
    const directory = t.testdir();
    await using fleet = await openFleet({ directory, devices: [{ id: "cam-1", labels: ["site=oslo"] }] });
    const [device] = fleet.devices;
    if (device === undefined) throw new Error("there is one");
    await fleet.startController();
    await device.start();
    await until("it is online", async () => {
      const devices = (await fleet.ferryJson("device", "list")) as { online: boolean }[];
      return devices[0]?.online;
    });
    const bundle = copyDigits(join(directory, "digits"));
    const described = JSON.parse(readFileSync(join(bundle, "model.json"), "utf8")) as { version: string };
    const processing = {
      preprocessing: [
        {
          kind: "picture",
          input: "pixels",
          resize: { mode: "stretch", width: 8, height: 8 },
          colour: "gray",
          scale: 16 / 255,
          layout: "flat",
        },
      ],
      postprocessing: [{ kind: "classes", output: "probabilities", top: { $param: "top" } }],
      parameters: { top: { default: 3, min: 1, max: 10 } },
    };
    writeFileSync(join(bundle, "model.json"), JSON.stringify({ ...described, ...processing }));
    for (const verb of ["sign", "push"]) t.equal((await fleet.ferry("bundle", verb, bundle)).code, 0, verb);
    const label = `digits@${described.version}`;
    const rollOut = (...args: string[]) =>
      fleet.ferry("rollout", "create", label, "--all", "--yes", "--watch", ...args);
    t.equal((await rollOut()).code, 0);

    const [digit] = readDigits();
    const picture = join(directory, "digit.png");
    const level = (x: number, y: number) =>
      ((digit?.pixels[Math.floor(y / 20) * 8 + Math.floor(x / 20)] ?? 0) * 255) / 16;
    writeFileSync(picture, png(drawn(160, 160, (x, y) => [level(x, y), level(x, y), level(x, y)])));
    const ask = async () =>
      (await fleet.ferryJson("predict", "cam-1", "digits", "--image", picture)) as {
        results: { top: { label: string }[] };
      };
    const first = await ask();
    t.match(first, { results: { top: [{ label: digit?.label }, {}, {}] }, times: { preMs: Number, postMs: Number } });
    t.match(
      (await fleet.ferry("predict", "cam-1", "digits", "--image", picture)).stdout,
      new RegExp(`${digit?.label ?? ""} .* %`),
    );

    const since = async () =>
      ((await (await fetch(`${device.url}/`)).json()) as { models: { sinceMs: number }[] }).models[0]?.sinceMs;
    const before = await since();
    t.equal((await rollOut("--param", "top=7")).code, 0);
    t.equal((await ask()).results.top.length, 7);
    t.equal(await since(), before, "the same version has answered all the while");
    const refused = await rollOut("--param", "top=50");
    t.not(refused.code, 0);
    t.match(refused.stderr, /top is 50, allowed are 1 to 10/);
    t.equal((await rollOut()).code, 0);
    t.equal((await ask()).results.top.length, 3, "the defaults are back");
  },
);
