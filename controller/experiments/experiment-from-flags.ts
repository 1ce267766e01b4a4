/** The short way to say what an experiment is: `--share 20% --metric accuracy:1% --duration 3d`. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { ModelVersion } from "../../protocol/ids.ts";
import { readShare, readSpan } from "../rollout/human-values.ts";
import type { RolloutSubject } from "../rollout/spec-from-flags.ts";
import { findExperimentMetric } from "./experiment-metrics.ts";
import { completeExperiment, type AskedMetric, type ExperimentSpec } from "./experiment-spec.ts";

/** As a shell gives them; undefined where a flag was not given. */
export interface ExperimentFlags {
  readonly name?: string;
  readonly against?: string;
  readonly share?: string;
  readonly metric?: readonly string[];
  readonly duration?: string;
  readonly confidence?: string;
}

/** Throws `usage` for a flag that cannot be read, `bad-experiment` for flags that make no sense together. */
export function experimentFromFlags(subject: RolloutSubject, flags: ExperimentFlags): ExperimentSpec {
  const { name, against, metric } = flags;
  const confidence = shareFrom("--confidence", flags.confidence);
  if (name !== undefined && !/^[a-z0-9][a-z0-9.-]{0,49}$/.test(name)) {
    throw badFlag("--name", name, "Use lower-case letters, digits, . and -, at most 50.");
  }
  return completeExperiment({
    ...subject,
    ...(name === undefined ? {} : { name }),
    // Whether there is such a version the controller says.
    ...(against === undefined ? {} : { against: against as ModelVersion }),
    ...given("share", shareFrom("--share", flags.share)),
    ...(metric === undefined ? {} : { metrics: metric.map(metricFrom) }),
    ...given("durationMs", spanFrom(flags.duration)),
    ...given("alpha", confidence === undefined ? undefined : Number((1 - confidence).toFixed(6))),
  });
}

function given<Name extends string>(name: Name, value: number | undefined): Partial<Record<Name, number>> {
  return (value === undefined ? {} : { [name]: value }) as Partial<Record<Name, number>>;
}

/** `accuracy`, `accuracy:1%` (points of a hundred), `latency_p95_ms:0.5` (ms), `latency_p95_ms:10%` (of what A has). */
export function metricFrom(text: string): AskedMetric {
  const [name = "", effect, ...rest] = text.split(":");
  if (effect === undefined) return { metric: name };
  const share = readShare(effect);
  const number = share ?? (/^[0-9]+(\.[0-9]+)?$/.test(effect) ? Number(effect) : Number.NaN);
  if (!(number > 0) || rest.length > 0) {
    throw badFlag(
      "--metric",
      text,
      "Write NAME, or NAME:EFFECT such as accuracy:1%, latency_p95_ms:0.5 or latency_p95_ms:10%.",
    );
  }
  const isOfA = share !== undefined && findExperimentMetric(name)?.unit !== "share";
  return { metric: name, effect: { kind: isOfA ? "relative" : "absolute", value: number } };
}

function shareFrom(flag: string, text: string | undefined): number | undefined {
  const share = text === undefined ? undefined : readShare(text);
  if (text === undefined || (share !== undefined && share > 0 && share < 1)) return share;
  throw badFlag(flag, text, "Write a share between 0% and 100%, such as 20%.");
}

function spanFrom(text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : readSpan(text);
  if (text === undefined || ms !== undefined) return ms;
  throw badFlag("--duration", text, "Write it like 90m, 12h or 3d.");
}

function badFlag(flag: string, text: string, hint: string): FerryError {
  return new FerryError("usage", `${flag}: ${JSON.stringify(text)} cannot be read`, { hint, exitCode: EXIT.usage });
}
