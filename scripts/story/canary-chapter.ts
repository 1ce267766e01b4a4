/** A model that is wrong and does not know it: only its first devices find out, and the rollout takes it back by itself. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { swapLabels } from "../../test/support/swapped-labels.ts";
import { startSteadyLoad } from "../../test/support/steady-load.ts";
import { copyOfDigits, signAndBuild, succeeded, type Story } from "./story.ts";
import { must } from "./teller.ts";

/** Requests each device gets in a second: what the versions are compared over. */
const LOAD_PER_SECOND = 20;

/** Two devices first, which hold some of their answers against the former version's before they commit. */
const ROLLOUT = `apiVersion: modelferry/v1
kind: Rollout
metadata: { name: digits-1-5 }
spec:
  bundle: digits@1.5.0
  selector: ""
  stages:
    - { name: canary, take: 2 }
    - { name: everyone, take: 100% }
  gates:
    - { metric: agreement_top1, min: 99%, minSamples: 20 }
  deviceSoak: 25s
  abort: { failed: 0%, minDevices: 1, then: rollback }
`;

interface Shown {
  readonly rollout: { readonly state: string; readonly why: string | null };
  readonly devices: readonly { readonly device: string; readonly state: string; readonly serves?: string }[];
}

/** Every label is off by one, in the golden set too. */
export function prepareCanary(story: Story): void {
  story.prepared.add("1.5.0", () => {
    const bundle = copyOfDigits(story, "v1.1.0", "1.5.0");
    // One exchange after the other takes the first label past all the others.
    for (let label = 0; label < 9; label += 1) swapLabels(bundle, label, label + 1);
    return signAndBuild(story, bundle, "1.5.0");
  });
}

export async function tellCanary(story: Story): Promise<void> {
  const { fleet, teller, digits, directory } = story;
  const loads = fleet.devices.map((device) => startSteadyLoad(device.url, digits, LOAD_PER_SECOND));

  await teller.step(
    "digits@1.5.0 has every label off by one, in its golden set too: its self-test passes",
    async () => {
      const archive = await story.prepared.file("1.5.0");
      succeeded(await fleet.ferry("bundle", "test", join(directory, "digits-1.5.0")));
      succeeded(await fleet.ferry("bundle", "push", archive));
      return "built, signed, pushed";
    },
  );

  await teller.step("its rollout takes two devices first, fails its gate there, and goes back by itself", async () => {
    const file = join(directory, "digits-1-5.yaml");
    writeFileSync(file, ROLLOUT);
    const { code, stderr } = await fleet.ferry(
      "rollout",
      "create",
      "-f",
      file,
      "--yes",
      "--watch",
      "--timeout",
      "120s",
    );
    must(code === 1, `the rollout ends as rolled back, but the command ended with ${String(code)}: ${stderr}`);
    const [newest] = (await fleet.ferryJson("rollout", "list")) as readonly { readonly id: number }[];
    const { rollout, devices } = (await fleet.ferryJson("rollout", "show", String(newest?.id))) as Shown;
    must(rollout.state === "rolled-back", `it is rolled back, but it is ${rollout.state}`);
    const touched = devices.filter(({ state }) => state === "reverted");
    must(touched.length === 2, `two devices were touched and have gone back, but ${String(touched.length)} were`);
    must(
      devices.every(({ serves }) => serves !== "1.5.0"),
      "no device serves it any more",
    );
    return rollout.why ?? "no reason was given";
  });

  await teller.step("no request failed on the way there and back", async () => {
    const results = await Promise.all(loads.map((load) => load.stop()));
    const failures = results.flatMap((result) => result.failures);
    must(failures.length === 0, `no request fails, but ${String(failures.length)} did: ${failures[0] ?? ""}`);
    const wrong = results.map(({ answers }) => answers.filter(({ answer }) => answer.version === "1.5.0").length);
    must(wrong.filter((count) => count > 0).length === 2, "only these two ever answered with it");
    return `${String(results.reduce((sum, { answers }) => sum + answers.length, 0))} requests`;
  });
}
