/** The model and nothing around it: `session.run` again and again on the same input, one after the other. */
import { InferenceSession, Tensor } from "onnxruntime-node";

export interface BarePlan {
  readonly file: string;
  readonly shape: readonly number[];
  /** Absent: onnxruntime's own choice. */
  readonly threads: number | undefined;
  readonly forMs: number;
}

const { file, shape, threads, forMs } = JSON.parse(process.argv[2] ?? "") as BarePlan;
const session = await InferenceSession.create(file, threads === undefined ? {} : { intraOpNumThreads: threads });
const [input = ""] = session.inputNames;
const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, at) => (at % 201) / 100 - 1);
const tensor = new Tensor("float32", values, shape);
const WARM_UP_RUNS = 20;
for (let run = 0; run < WARM_UP_RUNS; run += 1) await session.run({ [input]: tensor });
const times: number[] = [];
const beganMs = performance.now();
while (performance.now() - beganMs < forMs) {
  const startedMs = performance.now();
  await session.run({ [input]: tensor });
  times.push(performance.now() - startedMs);
}
process.send?.({ times, tookMs: performance.now() - beganMs }, () => {
  process.disconnect();
});
