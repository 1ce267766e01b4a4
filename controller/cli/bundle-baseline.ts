import type { Command } from "commander";
import pc from "picocolors";
import { DETECTOR_SAMPLES_MIN } from "../bundles/make-detectors.ts";
import { makeBaseline } from "../bundles/make-baseline.ts";
import type { Baseline } from "../../protocol/bundle/baseline.ts";
import { refusalsAsErrors } from "./bundle-errors.ts";
import { withExamples } from "./context.ts";
import { counted } from "./human.ts";
import { print, say } from "./output.ts";

export function addBundleBaseline(bundle: Command): void {
  const command = bundle
    .command("baseline <directory>")
    .description("describe normal inputs and outputs in the bundle, so that drift is measured against them")
    .requiredOption(
      "--from <file>",
      "samples: .npy (first dimension counts), .csv or .jsonl (one a line), or JSON as for init",
    )
    .action(refusalsAsErrors(baseline));
  withExamples(
    command,
    "ferry bundle baseline ./digits --from validation.npy",
    "ferry bundle baseline ./digits --from samples.csv && ferry bundle sign ./digits",
  );
}

async function baseline(directory: string, { from }: { readonly from: string }): Promise<void> {
  const { model, baseline: made, isSmall } = await makeBaseline(directory, from);
  const count = (role: string) => made.features.filter((feature) => feature.role === role).length;
  print(
    `${pc.green("✔")} ${pc.bold(`${model.name}@${model.version}`)} has a baseline of ${counted(made.samples, "sample")}: ` +
      `${counted(count("input"), "feature")} of its inputs, ${count("output")} of its outputs`,
  );
  say(detectorsText(made));
  if (isSmall) {
    say(
      `${pc.yellow("note:")}  from ${counted(made.samples, "sample")} only large changes can be told from chance. A thousand are better;\n` +
        "       take what the model was validated with, not what it was trained on.",
    );
  }
  say(`\nSignatures made before do not cover it. Sign anew:\n  ferry bundle sign ${directory}`);
}

/** What devices will score each request by, and how often that is a false alarm. */
function detectorsText({ detectors, samples }: Baseline): string {
  if (detectors !== undefined) {
    const by = detectors.mahalanobis === undefined ? "robust z" : "robust z and Mahalanobis distance";
    const share = `${100 * detectors.falseAlarms} %`;
    return `  anomaly scores by ${by} of ${counted(detectors.features.length, "input")}: at most ${share} of such samples is beyond each`;
  }
  return samples < DETECTOR_SAMPLES_MIN
    ? `  no anomaly scores: ${counted(samples, "sample")}, and ${DETECTOR_SAMPLES_MIN} are needed`
    : "  no anomaly scores: the model has no numeric input that every sample has a value of";
}
