/** The handwritten digits of examples/digits, and how a client asks a device about them over HTTP. */
import { readFileSync } from "node:fs";

export interface Digit {
  readonly name: string;
  readonly label: string;
  readonly pixels: readonly number[];
}

/** What a device answered: which version, and the probability of each of the ten labels. */
export interface DigitAnswer {
  readonly version: string;
  readonly probabilities: readonly number[];
}

const samplesFile = new URL("../../examples/digits/samples.json", import.meta.url);

export function readDigits(): readonly Digit[] {
  const samples = JSON.parse(readFileSync(samplesFile, "utf8")) as {
    name: string;
    label: string;
    inputs: { pixels: number[][] };
  }[];
  return samples.map(({ name, label, inputs }) => ({ name, label, pixels: inputs.pixels.flat() }));
}

/** The most probable label. */
export function topLabel({ probabilities }: DigitAnswer): string {
  return String(probabilities.indexOf(Math.max(...probabilities)));
}

interface OipAnswer {
  readonly model_version: string;
  readonly outputs: readonly { readonly data: readonly number[] }[];
}

/** OIP v2 with JSON tensors. */
export async function askOverJson(deviceUrl: string, { pixels }: Digit): Promise<DigitAnswer> {
  const body = { inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: pixels }] };
  const response = await fetch(`${deviceUrl}/v2/models/digits/infer`, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${String(response.status)} ${await response.text()}`);
  const answer = (await response.json()) as OipAnswer;
  return { version: answer.model_version, probabilities: answer.outputs[0]?.data ?? [] };
}

/** OIP v2 with the binary tensor extension, both ways. */
export async function askOverBinary(deviceUrl: string, { pixels }: Digit): Promise<DigitAnswer> {
  const tensor = Buffer.from(Float32Array.from(pixels).buffer);
  const header = Buffer.from(
    JSON.stringify({
      inputs: [
        { name: "pixels", datatype: "FP32", shape: [1, 64], parameters: { binary_data_size: tensor.byteLength } },
      ],
      parameters: { binary_data_output: true },
    }),
  );
  const response = await fetch(`${deviceUrl}/v2/models/digits/infer`, {
    method: "POST",
    headers: { "inference-header-content-length": String(header.byteLength) },
    body: Buffer.concat([header, tensor]),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${String(response.status)} ${bytes.toString()}`);
  const headerBytes = Number(response.headers.get("inference-header-content-length"));
  const answer = JSON.parse(bytes.subarray(0, headerBytes).toString()) as OipAnswer;
  return { version: answer.model_version, probabilities: floats(bytes.subarray(headerBytes)) };
}

/** Little-endian float32s; copied, because a view may begin anywhere. */
export function floats(bytes: Uint8Array): readonly number[] {
  return [...new Float32Array(Uint8Array.from(bytes).buffer)];
}
