// Asks a device's digits model with Node's fetch, in binary: node client.mjs [URL]. Where the device asks for a token, it is
// taken from the environment: TOKEN="$(ferry-agent token)".
import { readFileSync } from "node:fs";

const [url = "http://localhost:8080"] = process.argv.slice(2);
const { inputs } = JSON.parse(readFileSync(new URL("digit.json", import.meta.url), "utf8"));
const pixels = new Uint8Array(Float32Array.from(inputs.pixels.flat()).buffer);

// The JSON says what the bytes after it are; Inference-Header-Content-Length, where they begin.
const shape = [inputs.pixels.length, 64];
const parameters = { binary_data_size: pixels.byteLength };
const header = Buffer.from(
  JSON.stringify({
    inputs: [{ name: "pixels", datatype: "FP32", shape, parameters }],
    parameters: { binary_data_output: true },
  }),
);
const response = await fetch(`${url}/v2/models/digits/infer`, {
  method: "POST",
  headers: {
    "inference-header-content-length": String(header.byteLength),
    ...(process.env.TOKEN ? { authorization: `Bearer ${process.env.TOKEN}` } : {}),
  },
  body: Buffer.concat([header, pixels]),
});
if (!response.ok) {
  const { error } = await response.json();
  console.error(`${response.status}: ${error}`);
  process.exit(1);
}
const body = Buffer.from(await response.arrayBuffer());
const length = Number(response.headers.get("inference-header-content-length"));
const answer = JSON.parse(body.subarray(0, length).toString());
// Copied: a Float32Array must begin at a multiple of four.
const probabilities = new Float32Array(Uint8Array.from(body.subarray(length)).buffer);
const best = probabilities.indexOf(Math.max(...probabilities));
console.log(`${answer.model_name} ${answer.model_version}: ${best} (${probabilities[best].toFixed(4)})`);
