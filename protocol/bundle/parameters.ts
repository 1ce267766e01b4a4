/** Numbers of a model that an operator may set, within bounds that its publisher has signed. */
import { Type, type Static } from "typebox";
import { closedObject } from "../schema.ts";

/** Parameters of one model: as many as a person can keep apart, and a deployment of all slots still fits one publish. */
export const PARAMETERS_MAX = 8;

const PARAMETER_NAME = "^[a-z][A-Za-z0-9_]{0,31}$";

/** `threshold`, `iouThreshold`: as it stands in files and on the command line. */
export const ParameterName = Type.String({ pattern: PARAMETER_NAME });

export const Parameter = closedObject({
  /** In force where nobody has set another; the golden set is answered with it. */
  default: Type.Number(),
  /** Bounds of what a controller may set, both included. */
  min: Type.Number(),
  max: Type.Number(),
  description: Type.Optional(Type.String({ maxLength: 500 })),
});
export type Parameter = Static<typeof Parameter>;

/** By name. */
export const Parameters = Type.Record(ParameterName, Parameter, {
  additionalProperties: false,
  maxProperties: PARAMETERS_MAX,
});
export type Parameters = Static<typeof Parameters>;

/** What somebody has set, by name. Whether the model has them, and within which bounds, is for `parameterMistake` to say. */
export const ParameterValues = Type.Record(ParameterName, Type.Number(), {
  additionalProperties: false,
  maxProperties: PARAMETERS_MAX,
});
export type ParameterValues = Static<typeof ParameterValues>;

/** A number in a processing step: as it is, or whatever the parameter of that name is set to. */
export const NumberOrParameter = Type.Union([Type.Number(), closedObject({ $param: ParameterName })]);
export type NumberOrParameter = Static<typeof NumberOrParameter>;

/** Why these values may not be set on this model, in a sentence; undefined where they may. */
export function parameterMistake(parameters: Parameters = {}, values: ParameterValues = {}): string | undefined {
  for (const [name, value] of Object.entries(values)) {
    const parameter = parameterNamed(parameters, name);
    if (parameter === undefined) {
      const known = Object.keys(parameters);
      return `there is no parameter "${name}"; ${known.length === 0 ? "the model has none" : `it has ${known.join(", ")}`}`;
    }
    const { min, max } = parameter;
    if (!(value >= min && value <= max)) return `${name} is ${value}, allowed are ${min} to ${max}`;
  }
  return undefined;
}

/** Those in force: the defaults, but for what is set. Values that are not allowed are a programmer's mistake. */
export function parametersInForce(parameters: Parameters = {}, values: ParameterValues = {}): ParameterValues {
  const mistake = parameterMistake(parameters, values);
  if (mistake !== undefined) throw new Error(mistake);
  const defaults = Object.entries(parameters).map(([name, parameter]) => [name, parameter.default] as const);
  return { ...Object.fromEntries(defaults), ...values };
}

/** Nothing set and an empty set are the same. */
export function sameParameters(one: ParameterValues = {}, other: ParameterValues = {}): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

/** What a step's number is while these parameters are in force. */
export function numberOf(number: NumberOrParameter, inForce: ParameterValues): number {
  return typeof number === "number" ? number : (inForce[number.$param] ?? Number.NaN);
}

/** What is wrong with the parameters themselves, in a sentence. */
export function parametersMistake(parameters: Parameters = {}): string | undefined {
  for (const [name, { default: normal, min, max }] of Object.entries(parameters)) {
    if (!(min <= normal && normal <= max))
      return `parameter "${name}" has the default ${normal}, outside ${min} to ${max}`;
  }
  return undefined;
}

/** `constructor` and its like are names that every object seems to have. */
function parameterNamed(parameters: Parameters, name: string): Parameter | undefined {
  return Object.hasOwn(parameters, name) ? parameters[name] : undefined;
}
