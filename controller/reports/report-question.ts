/** Which report is asked for. What it is about comes as text, from a person, a program or a schedule, and is checked here. */
import { Type, type TSchema } from "typebox";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { DeviceId, ModelName } from "../../protocol/ids.ts";
import { gate, type Gate } from "../../protocol/schema.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ReportKind } from "./document.ts";

export type ReportQuestion =
  | { readonly kind: "fleet"; readonly windowMs: number }
  | { readonly kind: "model"; readonly model: ModelName; readonly windowMs: number }
  | { readonly kind: "device"; readonly device: DeviceId; readonly windowMs: number }
  /** Of every model where none is named. */
  | { readonly kind: "drift"; readonly model?: ModelName; readonly windowMs: number }
  /** From its beginning on. */
  | { readonly kind: "rollout"; readonly rollout: number }
  /** By its name or number. */
  | { readonly kind: "experiment"; readonly experiment: string };

export interface AskedReport {
  readonly kind: ReportKind;
  readonly subject?: string | undefined;
  readonly windowMs: number;
}

/** What each report is about, for people. */
const SUBJECTS = {
  model: "the name of a model, as `ferry bundle list` shows it",
  device: "the id of a device, as `ferry device list` shows it",
  drift: "the name of a model, or nothing for all of them",
  rollout: "the number of a rollout, as `ferry rollout list` shows it",
  experiment: "the name of an experiment, as `ferry experiment list` shows it",
} as const;

const checkModel = gate("model", ModelName);
const checkDevice = gate("device", DeviceId);
const checkRollout = gate("rollout", Type.String({ pattern: "^[1-9][0-9]{0,8}$" }));
const checkExperiment = gate("experiment", Type.String({ pattern: "^[a-z0-9][a-z0-9.-]{0,49}$" }));

/** Throws `bad-request` where the subject does not fit the kind. */
export function reportQuestion({ kind, subject, windowMs }: AskedReport): ReportQuestion {
  switch (kind) {
    case "fleet":
      if (subject === undefined) return { kind, windowMs };
      throw new FerryError("bad-request", "A fleet report is about the whole fleet and has no subject", {
        hint: "Leave the subject out; a report of kind model, device or rollout has one.",
        exitCode: EXIT.usage,
      });
    case "model":
      return { kind, model: subjectOf(checkModel, kind, subject), windowMs };
    case "device":
      return { kind, device: subjectOf(checkDevice, kind, subject), windowMs };
    case "drift":
      return subject === undefined
        ? { kind, windowMs }
        : { kind, model: subjectOf(checkModel, kind, subject), windowMs };
    case "rollout":
      return { kind, rollout: Number(subjectOf(checkRollout, kind, subject)) };
    case "experiment":
      return { kind, experiment: subjectOf(checkExperiment, kind, subject) };
    default:
      return unreachable(kind);
  }
}

function subjectOf<S extends TSchema>(
  check: Gate<S>,
  kind: keyof typeof SUBJECTS,
  subject: string | undefined,
): ReturnType<Gate<S>> {
  try {
    return check(subject);
  } catch (cause) {
    const given = subject === undefined ? "nothing" : JSON.stringify(subject);
    throw new FerryError(
      "bad-request",
      `A ${kind} report is about ${SUBJECTS[kind].split(",")[0] ?? ""}, and ${given} was given`,
      {
        hint: `Give ${SUBJECTS[kind]}.`,
        exitCode: EXIT.usage,
        cause,
      },
    );
  }
}
