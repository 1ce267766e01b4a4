/** Requests that a person copies and that work as they are: with the golden set's own values, or zeros of its shapes. */
import { ELEMENT_BYTES, elementCount, type TensorSpec } from "../../../protocol/tensor.ts";
import type { ExampleInput } from "./example-inputs.ts";

export interface ExampleOptions {
  readonly slot: string;
  readonly inputs: readonly ExampleInput[];
  readonly outputs: readonly TensorSpec[];
  /** `http://cam-1:8080`. */
  readonly baseUrl: string;
  /** Whether this device asks for a token: it is then taken from the environment. */
  readonly asksForToken: boolean;
}

export interface RequestExample {
  readonly title: string;
  readonly code: string;
}

export function requestExamples(options: ExampleOptions): readonly RequestExample[] {
  const isText =
    options.inputs.every(({ values }) => values !== undefined) &&
    options.outputs.every(({ datatype }) => datatype !== "FP16");
  return isText ? textExamples(options) : binaryExamples(options);
}

/** `POST /predict` as JSON; undefined where JSON does not carry the inputs, or they are too many to read. */
export function predictBody(inputs: readonly ExampleInput[]): string | undefined {
  if (inputs.some(({ values }) => values === undefined)) return undefined;
  return JSON.stringify({ inputs: Object.fromEntries(inputs.map(({ name, values }) => [name, values])) });
}

function textExamples({ slot, inputs, baseUrl, asksForToken }: ExampleOptions): readonly RequestExample[] {
  const body = predictBody(inputs) ?? "";
  const tensors = inputs.map(({ name, datatype, shape, values }) => ({ name, datatype, shape, data: values }));
  const infer = JSON.stringify({ inputs: tensors });
  return [
    { title: "curl", code: `curl ${curlToken(asksForToken)}${url(baseUrl, "predict", slot)} -d ${shellText(body)}` },
    {
      title: "curl, Open Inference Protocol v2",
      code: `curl ${curlToken(asksForToken)}${url(baseUrl, "v2/models", slot)}/infer -d ${shellText(infer)}`,
    },
    {
      title: "Python, standard library",
      code: `import json${asksForToken ? ", os" : ""}, urllib.request

body = json.loads(${pythonText(body)})
request = urllib.request.Request("${url(baseUrl, "predict", slot)}", json.dumps(body).encode())
${pythonToken(asksForToken)}answer = json.load(urllib.request.urlopen(request))
print(answer["outputs"])`,
    },
  ];
}

/** OIP v2's binary tensors: little-endian values after the JSON, in the order of the inputs. */
function binaryExamples({ slot, inputs, outputs, baseUrl, asksForToken }: ExampleOptions): readonly RequestExample[] {
  const sizes = inputs.map(({ datatype, shape }) => elementCount(shape) * elementBytes(datatype));
  const isBinaryAnswer = outputs.some(({ datatype }) => datatype === "FP16");
  const header = JSON.stringify({
    inputs: inputs.map(({ name, datatype, shape }, at) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: sizes[at] },
    })),
    ...(isBinaryAnswer ? { parameters: { binary_data_output: true } } : {}),
  });
  const infer = `${url(baseUrl, "v2/models", slot)}/infer`;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const length = `Inference-Header-Content-Length: ${Buffer.byteLength(header)}`;
  return [
    {
      title: `curl: zeros, ${total} bytes${isBinaryAnswer ? ", the answer in a file" : ""}`,
      code: `{ printf %s ${shellText(header)}; head -c ${total} /dev/zero; } |
  curl ${curlToken(asksForToken)}${infer} -H '${length}' --data-binary @-${isBinaryAnswer ? " -o answer.bin" : ""}`,
    },
    {
      title: "Python, standard library",
      code: `import json${asksForToken ? ", os" : ""}, urllib.request

header = ${pythonText(header)}.encode()
tensors = [${sizes.map((size) => `bytes(${size})`).join(", ")}]  # ${inputs.map(({ name, datatype }) => `${oneLine(name)}: ${datatype}`).join(", ")}, little-endian, row by row
request = urllib.request.Request("${infer}", header + b"".join(tensors))
request.add_header("Inference-Header-Content-Length", str(len(header)))
${pythonToken(asksForToken)}response = urllib.request.urlopen(request)
body = response.read()
length = int(response.headers.get("Inference-Header-Content-Length", len(body)))
print([(o["name"], o["datatype"], o["shape"]) for o in json.loads(body[:length])["outputs"]])`,
    },
  ];
}

/** The length before each of the texts, which are empty. */
const BYTES_LENGTH = 4;

function elementBytes(datatype: ExampleInput["datatype"]): number {
  return datatype === "BYTES" ? BYTES_LENGTH : ELEMENT_BYTES[datatype];
}

function url(baseUrl: string, path: string, slot: string): string {
  return `${baseUrl}/${path}/${encodeURIComponent(slot)}`;
}

function curlToken(asksForToken: boolean): string {
  return asksForToken ? '-H "Authorization: Bearer $TOKEN" ' : "";
}

function pythonToken(asksForToken: boolean): string {
  return asksForToken ? 'request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])\n' : "";
}

/** One word of a shell, whatever it holds. */
function shellText(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** JSON in a Python string: its own escapes stay, and are told to Python as they stand. */
function pythonText(json: string): string {
  return `'${json.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function oneLine(name: string): string {
  return name.replaceAll(/\s+/g, " ");
}
