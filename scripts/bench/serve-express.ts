/** What a person would write first: express and onnxruntime-node in one process, with their defaults. */
import express from "express";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { AddressInfo } from "node:net";

interface Plan {
  readonly file: string;
  readonly shape: readonly number[];
}

const { file, shape } = JSON.parse(process.argv[2] ?? "") as Plan;
const session = await InferenceSession.create(file);
const [input = ""] = session.inputNames;
const app = express();
app.use(express.json({ limit: "64mb" }));
app.use(express.raw({ limit: "64mb" }));
app.get("/v2/health/live", (_request, response) => {
  response.json({ live: true });
});
app.post("/predict", async (request, response) => {
  const body = request.body as Buffer | { readonly data: number[] };
  const isBinary = Buffer.isBuffer(body);
  const data = isBinary ? floatsIn(body) : Float32Array.from(body.data);
  const outputs = await session.run({ [input]: new Tensor("float32", data, shape) });
  const [output] = Object.values(outputs);
  const values = output?.data as Float32Array;
  if (isBinary)
    response.type("application/octet-stream").send(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  else response.json({ data: [...values] });
});
const server = app.listen(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.once("disconnect", () => process.exit());

/** A pooled buffer may lie anywhere. */
function floatsIn(body: Buffer): Float32Array {
  const aligned = body.byteOffset % 4 === 0 ? body : new Uint8Array(body);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
