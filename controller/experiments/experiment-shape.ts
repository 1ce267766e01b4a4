/** What an experiment has found, as the API, the command line and reports tell it. */
import { Type, type Static } from "typebox";
import { DeviceId } from "../../protocol/ids.ts";

const OrNull = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

/** `better`, `worse`: beyond doubt; `higher`, `lower`: the same of what is neither; `same`: no difference that matters. */
export const MetricVerdict = Type.Union([
  Type.Literal("better"),
  Type.Literal("worse"),
  Type.Literal("higher"),
  Type.Literal("lower"),
  Type.Literal("same"),
  Type.Literal("open"),
]);
export type MetricVerdict = Static<typeof MetricVerdict>;

const ArmFigure = Type.Object({
  /** Averaged over the devices, weighed alike for both; null of nothing. */
  value: OrNull(Type.Number()),
  samples: Type.Number(),
});

export const MetricResult = Type.Object({
  metric: Type.String(),
  unit: Type.Union([Type.Literal("share"), Type.Literal("ms"), Type.Literal("as recorded")]),
  better: Type.Union([Type.Literal("lower"), Type.Literal("higher"), Type.Literal("none")]),
  /** What is counted, in the plural. */
  samplesAre: Type.String(),
  a: ArmFigure,
  b: ArmFigure,
  /** b − a, and where it surely is, however often one looks; null while that cannot be told. */
  difference: OrNull(Type.Number()),
  low: OrNull(Type.Number()),
  high: OrNull(Type.Number()),
  /** Always-valid: of no difference at all; null while it cannot be told. */
  p: OrNull(Type.Number()),
  /** The smallest difference that matters, in the metric's unit; null where it is a share of what A has, and A has nothing. */
  effect: OrNull(Type.Number()),
  verdict: MetricVerdict,
  /** Further samples, of both together, after which a difference that matters would show; null where that is not known. */
  moreSamples: OrNull(Type.Integer()),
  /** One sentence. */
  text: Type.String(),
});
export type MetricResult = Static<typeof MetricResult>;

export const SampleRatio = Type.Object({
  requests: Type.Object({ a: Type.Number(), b: Type.Number() }),
  /** Of B: what it should have, and has. */
  expected: Type.Number(),
  share: OrNull(Type.Number()),
  /** Always-valid: of the share being the expected one. */
  p: Type.Number(),
  verdict: Type.Union([Type.Literal("sound"), Type.Literal("broken"), Type.Literal("open")]),
  text: Type.String(),
});
export type SampleRatio = Static<typeof SampleRatio>;

export const Advice = Type.Union([
  /** B is better in something and worse in nothing. */
  Type.Literal("promote"),
  /** B is worse in something and better in nothing. */
  Type.Literal("keep"),
  /** Better in one thing, worse in another. */
  Type.Literal("choose"),
  /** All is known, and nothing differs by more than matters. */
  Type.Literal("either"),
  Type.Literal("go-on"),
  /** The sample ratio does not hold. */
  Type.Literal("distrust"),
]);
export type Advice = Static<typeof Advice>;

export const ExperimentResults = Type.Object({
  advice: Advice,
  /** The verdict, in one sentence. */
  verdict: Type.String(),
  sampleRatio: SampleRatio,
  metrics: Type.Array(MetricResult),
  /** Those on which something was counted, and what; `splitMs`: how long both answered. */
  devices: Type.Array(
    Type.Object({
      device: DeviceId,
      isSplit: Type.Boolean(),
      splitMs: Type.Number(),
      requests: Type.Object({ a: Type.Number(), b: Type.Number() }),
      crashes: Type.Object({ a: Type.Integer(), b: Type.Integer() }),
    }),
  ),
});
export type ExperimentResults = Static<typeof ExperimentResults>;
