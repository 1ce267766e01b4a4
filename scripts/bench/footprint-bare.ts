/** A Node.js that does nothing; or, with a plan, onnxruntime with a model that has computed, and nothing around it. */
interface Plan {
  readonly file: string;
  readonly shape: readonly number[];
}

/** As many as a runner's warm-up, so that what a model allocates is there. */
const RUNS = 10;

const [text] = process.argv.slice(2);
if (text !== undefined) {
  const { file, shape } = JSON.parse(text) as Plan;
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1 });
  const [input = ""] = session.inputNames;
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let run = 0; run < RUNS; run += 1) await session.run({ [input]: new Tensor("float32", values, shape) });
}
process.send?.("ready");
process.once("disconnect", () => process.exit());
