/** Experiments of the past on the command line of a whole controller; one that runs is in `test/system/experiments.test.ts`. */
import t from "tap";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { controllerPaths } from "../../../controller/config.ts";
import { createHome } from "../../../controller/new-home.ts";
import { openStore } from "../../../controller/store/store.ts";
import { openTestController } from "../../support/controller-api.ts";
import { FLEET } from "../../support/device-views.ts";
import { runFerry } from "../../support/ferry-commands.ts";
import { storeExperiment } from "../../support/stored-experiment.ts";

t.test("ferry experiment", { timeout: 120_000 }, async (t) => {
  const home = join(t.testdir(), "home");
  const paths = controllerPaths(home);
  await createHome(paths, { fleet: FLEET, nowMs: Date.now() });
  const database = await openStore(paths.database);
  await storeExperiment(database.store, "slower", { slower: 1.5 });
  await storeExperiment(database.store, "warm", {});
  await database[Symbol.asyncDispose]();
  await using controller = await openTestController(home);
  const env = { FERRY_HOME: home, FERRY_CONTROLLER: controller.httpUrl };
  const ferry = (...args: string[]) => runFerry(args, env);

  await t.test("list has the newest first, wide with the verdicts", async (t) => {
    const listed = await ferry("experiment", "list", "-o", "wide");
    t.match(listed, {
      code: 0,
      stdout: /NAME.*VERDICT\nwarm .*kept +go-on .*undecided when it ended.*\nslower .*kept +keep .*is slower by/,
    });
  });

  await t.test("status has the verdict, each metric with its interval, and the sample ratio", async (t) => {
    const shown = await ferry("experiment", "status", "slower");
    t.match(
      shown.stdout,
      /^Experiment slower {2}digits {2}A 1, B 2 with 50 % of the requests\n.*kept.*by ada: stopped by ada\n/,
    );
    t.match(shown.stdout, /\nB \(2\) is slower by .* ms at p95.*keep A/);
    t.match(shown.stdout, /METRIC +A +B +B − A +p +SAMPLES +VERDICT\n/);
    t.match(shown.stdout, /latency_p95_ms +\S+ ms +\S+ ms +\+\S+ … \+\S+ ms +<0\.0001 +\d+ \+ \d+ +✖ worse/);
    t.match(shown.stdout, /✔ B got .* as chance would have it/);
    t.match(shown.stdout, /mislead in at most 5 of 100 experiments/);
    const json = await ferry("experiment", "status", "1", "-o", "json");
    t.match(JSON.parse(json.stdout), { experiment: { name: "slower" }, results: { advice: "keep" }, rollout: null });
    t.match(await ferry("experiment", "status", "slower", "-w"), {
      code: 0,
      stderr: /is slower by/,
      stdout: /VERDICT/,
    });
  });

  await t.test("what has ended is not stopped again, and not promoted after all", async (t) => {
    t.match(await ferry("experiment", "stop", "slower"), {
      code: 0,
      stdout: /· experiment slower: it has ended already, kept/,
    });
    t.match(await ferry("experiment", "stop", "slower", "--promote"), { code: 6, stderr: /experiment-over/ });
  });

  await t.test("its report is one document in every format", async (t) => {
    const text = await ferry("experiment", "report", "slower");
    t.match(text, { code: 0, stdout: /Experiment slower[\s\S]*is slower by[\s\S]*latency_p95_ms/ });
    const file = join(home, "slower.html");
    t.match(await ferry("experiment", "report", "slower", "--out", file), { code: 0, stderr: /slower\.html/ });
    t.match(readFileSync(file, "utf8"), /<!doctype html>[\s\S]*<svg/i);
    t.match((await ferry("experiment", "report", "slower", "--format", "md")).stdout, /latency\\?_p95/);
    t.match(await ferry("experiment", "report", "nothing"), { code: 3 });
  });

  await t.test("it is a kind as rollouts are", async (t) => {
    t.match(await ferry("get", "experiments", "-o", "name"), { code: 0, stdout: "warm\nslower\n" });
    t.match((await ferry("get", "experiment", "slower")).stdout, /NAME.*\nslower +digits +1 +2 +kept +keep/);
    t.match((await ferry("describe", "experiment", "slower")).stdout, /^Experiment slower/);
    const text = (await ferry("get", "experiment", "slower", "-o", "yaml")).stdout;
    t.match(text, /kind: Experiment\nmetadata:\n +name: slower\nspec:\n +bundle: digits@2\n/);
    const file = join(home, "experiment.yaml");
    writeFileSync(file, text);
    t.match(await ferry("diff", "-f", file), { code: 0, stderr: /nothing differs/ });
    t.match(await ferry("apply", "-f", file), {
      code: 0,
      stdout: /experiment slower unchanged: it is experiment 1, kept/,
    });
    writeFileSync(file, text.replace("50%", "20%"));
    t.match(await ferry("diff", "-f", file), { code: 1, stdout: /experiment slower \(experiment 1, kept\)[\s\S]*20%/ });
    t.match(
      await ferry("apply", "-f", file, "--yes"),
      { code: 3, stderr: /no bundle of digits/ },
      "one that is over may begin anew",
    );
    t.match(await ferry("delete", "experiment", "slower"), { code: 2, stderr: /what it found stays/ });
  });

  await t.test("what cannot be is refused with what to do", async (t) => {
    t.match(await ferry("experiment", "status", "nothing"), { code: 3, stderr: /ferry experiment list/ });
    t.match(await ferry("experiment", "status", "No Name"), { code: 2 });
    t.match(await ferry("experiment", "create", "digits@1.1.0"), { code: 2, stderr: /To which devices\?/ });
    t.match(await ferry("experiment", "create", "digits@1.1.0", "--all", "--yes"), {
      code: 3,
      stderr: /no bundle of digits/,
    });
    t.match(await ferry("experiment", "create", "digits@1.1.0", "--all", "--metric", "acuracy"), {
      code: 2,
      stderr: /did you mean accuracy/,
    });
  });
});
