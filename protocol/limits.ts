/**
 * The bounds of the wire, each with its reason. Both sides refuse what is beyond them; nothing here is configurable,
 * because the two sides of a connection must agree.
 */

/** One MQTT publish. Below the 65,536 bytes at which several brokers and client libraries disconnect; AWS allows 128 kB. */
export const PUBLISH_BYTES_MAX = 64_000;

/** One id: device, fleet, caller, group, model. A DNS label, so that it fits certificates, host names and topics alike. */
export const ID_CHARS_MAX = 63;

/** A topic: AWS IoT allows 256 bytes and 7 slashes. */
export const TOPIC_BYTES_MAX = 256;

/** A signed document other than a bundle's statement: a root, a deployment, a report. */
export const DOCUMENT_BYTES_MAX = 65_536;

/** Signatures looked at in one envelope: more than any sensible threshold, few enough to cost nothing. */
export const SIGNATURES_MAX = 16;

/** Models that one device serves: a deployment must fit one publish. */
export const SLOTS_MAX = 16;

/** One `.sig` file of a bundle: 10,000 files at about 150 bytes a resource, in base64. */
export const SIGNATURE_FILE_BYTES_MAX = 2_097_152;

/** All `.sig` files of a bundle together: they are held in memory while its archive streams past. */
export const SIGNATURE_FILES_BYTES_MAX = 8_388_608;

/** Files in a bundle. */
export const BUNDLE_FILES_MAX = 10_000;

/** A bundle's archive: anchors stop at 10 GiB for whole systems; an ONNX file beyond 4 GiB is no edge model. */
export const BUNDLE_BYTES_MAX = 4 * 1024 ** 3;

/** `model.json`: read whole into memory before anything in it is believed. */
export const MODEL_JSON_BYTES_MAX = 262_144;

/** `golden.json`: larger tensors stand in files of their own beside it. */
export const GOLDEN_JSON_BYTES_MAX = 8_388_608;

/** Golden cases: each is one inference on the device before a swap. */
export const GOLDEN_CASES_MAX = 256;

/** A chunk with its header stays under one publish. 60 KiB: a multiple of the 4 KiB page that devices write. */
export const CHUNK_BYTES = 61_440;

/** Chunks of the largest bundle, and so the largest bitmap: 69,906 bits, 8.5 KiB. */
export const CHUNKS_MAX = Math.ceil(BUNDLE_BYTES_MAX / CHUNK_BYTES);

/** One telemetry batch: leaves room for the packet around it in the smallest broker limit. */
export const TELEMETRY_BATCH_BYTES_MAX = 48_000;

/** Records in one telemetry batch: bounds the work of one transaction. */
export const TELEMETRY_BATCH_RECORDS_MAX = 500;

/** One prediction, request or response, after reassembly: a float32 image of 3 × 1,024 × 1,024 with room. */
export const PREDICT_BYTES_MAX = 16 * 1024 ** 2;

/** Payload bytes of one fragment of a prediction. */
export const PREDICT_FRAGMENT_BYTES = 60_000;

/** Elements in a tensor's shape: ONNX itself has no bound; no known model has more than 8. */
export const TENSOR_RANK_MAX = 16;

/** Tensors in one request or response. */
export const TENSORS_MAX = 256;

/** Labels on one device. */
export const LABELS_MAX = 64;

/** How long a director's answer to a nonce counts as fresh. Longer, and a broker could hold back answers to move time. */
export const NONCE_ANSWER_MS_MAX = 30_000;
