// Asks a device's digits model over MQTT, with mqtt.js and cbor-x: node mqtt.mjs BROKER FLEET DEVICE [CALLER [FOLDER]].
// FOLDER: what `ferry ca issue-caller CALLER --out FOLDER` wrote. ROWS=2000 asks for so many digits at once: more than one publish.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Decoder, Encoder } from "cbor-x";
import mqtt from "mqtt";

const [broker, fleet, device, caller = "example-app", folder] = process.argv.slice(2);
const rows = Number(process.env.ROWS ?? 1);
/** A message beyond it travels in parts of this size. */
const PART_BYTES = 60_000;
// Plain maps and byte strings: tags are refused.
const encoder = new Encoder({ useRecords: false, tagUint8Array: false, variableMapSize: true });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });

const { inputs } = JSON.parse(readFileSync(new URL("digit.json", import.meta.url), "utf8"));
const pixels = Array.from({ length: rows }, () => inputs.pixels[0]).flat();
const id = randomUUID();
const replyTo = `mf1/${fleet}/c/${caller}/in/${device}`;
const request = encoder.encode({
  id,
  replyTo,
  timeoutMs: 10_000,
  model: "digits",
  inputs: [
    {
      name: "pixels",
      datatype: "FP32",
      shape: [rows, 64],
      data: new Uint8Array(Float32Array.from(pixels).buffer),
    },
  ],
  outputs: ["probabilities"],
});

const tls =
  folder === undefined
    ? {}
    : {
        ca: readFileSync(`${folder}/ca.crt.pem`),
        cert: readFileSync(`${folder}/${caller}.crt.pem`),
        key: readFileSync(`${folder}/${caller}.key.pem`),
      };
const client = await mqtt.connectAsync(broker, { clientId: caller, ...tls });
await client.subscribeAsync(replyTo, { qos: 1 });

const answered = new Promise((resolve) => {
  const parts = [];
  client.on("message", (_topic, payload) => {
    const message = decoder.decode(payload);
    if (message.id !== id) return;
    if (message.fragment === undefined) resolve(message);
    else {
      parts[message.part] = message.fragment;
      if (parts.filter(Boolean).length === message.parts) resolve(decoder.decode(Buffer.concat(parts)));
    }
  });
});

const topic = `mf1/${fleet}/d/${device}/p/digits`;
const count = Math.ceil(request.byteLength / PART_BYTES);
for (let part = 0; part < count; part += 1) {
  const fragment = request.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
  await client.publishAsync(topic, count === 1 ? request : encoder.encode({ id, part, parts: count, fragment }), {
    qos: 1,
  });
}

const answer = await answered;
await client.endAsync();
if (answer.error !== undefined) {
  console.error(`${answer.status}: ${answer.error}`);
  process.exit(1);
}
const [{ data, shape }] = answer.outputs;
const probabilities = new Float32Array(Uint8Array.from(data).buffer).subarray(0, 10);
const best = probabilities.indexOf(Math.max(...probabilities));
console.log(
  `${answer.model_name} ${answer.model_version}: ${best} (${probabilities[best].toFixed(4)}), ${shape.join(" x ")}`,
);
