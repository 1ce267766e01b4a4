/** Ids that a person typed, checked before they go anywhere. Each throws a usage error that says what is allowed. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { gate, type Gate } from "../../protocol/schema.ts";
import type { TSchema } from "typebox";

const checkDevice = gate("device", DeviceId);
const checkModel = gate("model", ModelName);
const checkVersion = gate("version", ModelVersion);

export function deviceId(text: string): DeviceId {
  return checked(checkDevice, "a device id", text, "lower-case letters, digits and hyphens, at most 63 characters");
}

export function modelName(text: string): ModelName {
  return checked(checkModel, "a model's name", text, "lower-case letters, digits and hyphens, at most 63 characters");
}

export interface ModelLabel {
  readonly model: ModelName;
  readonly version: ModelVersion;
}

/** `NAME@VERSION`. */
export function modelLabel(text: string): ModelLabel {
  const at = text.indexOf("@");
  if (at < 1) {
    throw new FerryError("usage", `${JSON.stringify(text)} is not NAME@VERSION`, {
      hint: "Write it like digits@1.4.0; `ferry bundle list` shows what there is.",
      exitCode: EXIT.usage,
    });
  }
  const version = text.slice(at + 1);
  const allowed = "letters, digits and . _ + -, at most 64 characters, beginning with a letter or digit";
  return { model: modelName(text.slice(0, at)), version: checked(checkVersion, "a version", version, allowed) };
}

/** The number that `ferry rollout list` shows. */
export function rolloutId(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new FerryError("usage", `${JSON.stringify(text)} is not the number of a rollout`, {
    hint: "See them with: ferry rollout list",
    exitCode: EXIT.usage,
  });
}

/** Its name, or its number. Throws a usage error. */
export function experimentName(text: string): string {
  if (/^[a-z0-9][a-z0-9.-]{0,49}$/.test(text)) return text;
  throw new FerryError("usage", `${JSON.stringify(text)} is neither the name nor the number of an experiment`, {
    hint: "See them with: ferry experiment list",
    exitCode: EXIT.usage,
  });
}

function checked<S extends TSchema>(check: Gate<S>, what: string, text: string, allowed: string): ReturnType<Gate<S>> {
  try {
    return check(text);
  } catch (cause) {
    throw new FerryError("usage", `${JSON.stringify(text)} is not ${what}`, {
      hint: `Allowed are ${allowed}.`,
      exitCode: EXIT.usage,
      cause,
    });
  }
}
