import { join } from "node:path";
import t from "tap";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { preparePush } from "../../../controller/bundles/push-bundle.ts";
import { writeMlflowModel, writeTritonModel } from "../../support/foreign-models.ts";
import { runFerry } from "../../support/ferry-commands.ts";

t.test("what MLflow and Triton keep is tested, signed and ready to push with nothing else to do", async (t) => {
  const folder = t.testdir();
  const env = { FERRY_HOME: join(folder, "home") };
  const ferry = (...args: string[]) => runFerry(args, env);
  await ferry("init", "--fleet", "test");
  writeMlflowModel(join(folder, "digits"));
  writeTritonModel(join(folder, "repository"));
  for (const [tool, source, name] of [
    ["mlflow", "digits", "digits@1.0.0"],
    ["triton", "repository", "digits-net@3"],
  ] as const) {
    const bundle = join(folder, tool);
    const imported = await ferry("bundle", "import", tool, join(folder, source), bundle);
    t.match(imported.stdout, `✔ ${name} is imported from`);
    t.match(imported.stdout, /Chosen:\n {2}- /);
    t.match(imported.stderr, `ferry bundle sign ${bundle}`);
    t.match(await ferry("bundle", "test", bundle), { code: 0 });
    t.match(await ferry("bundle", "sign", bundle), { code: 0 });
    t.match(await preparePush(await openBundleSource(bundle)), { model: { name: name.split("@")[0] } });
  }
});
