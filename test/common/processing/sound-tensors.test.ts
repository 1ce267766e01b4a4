import t from "tap";
import type { SoundInput } from "../../../protocol/bundle/preprocessing.ts";
import { soundTensors } from "../../../common/processing/sound-tensors.ts";

const sound = { sampleRate: 16_000, samples: Float32Array.from({ length: 100 }, (_, at) => at / 100) };
const entry: SoundInput = { kind: "sound", input: "x", sampleRate: 16_000, secondsMax: 1 };
const spec = (...shape: number[]) => ({ name: "x", datatype: "FP32", shape }) as const;
const values = (bytes: Uint8Array) => [...new Float32Array(Uint8Array.from(bytes).buffer)];

t.test("the whole sound, as long as it is", async (t) => {
  t.match(soundTensors(sound, entry, spec(-1, -1)), [{ name: "x", shape: [1, 100] }]);
  t.match(soundTensors(sound, entry, spec(-1)), [{ shape: [100] }]);
});

t.test("silence fills an input of fixed length; a longer sound is refused", async (t) => {
  const [tensor] = soundTensors(sound, entry, spec(1, 120));
  t.same(tensor?.shape, [1, 120]);
  t.same(
    values(tensor?.bytes ?? new Uint8Array())
      .slice(99, 102)
      .map((value) => Number(value.toFixed(2))),
    [0.99, 0, 0],
  );
  t.throws(() => soundTensors(sound, entry, spec(1, 80)), {
    code: "media-too-large",
    message: /100 samples; the model takes 80/,
  });
});

t.test("frames in steps, the last one filled with silence", async (t) => {
  const frames = soundTensors(sound, { ...entry, frame: { samples: 40, step: 30 }, scale: 100 }, spec(1, 40));
  t.equal(frames.length, 3);
  t.same(
    frames.map(({ bytes }) => Math.round(values(bytes)[0] ?? -1)),
    [0, 30, 60],
  );
  const short = soundTensors(sound, { ...entry, frame: { samples: 512 } }, spec(-1, 512));
  t.equal(short.length, 1);
  t.equal(values(short[0]?.bytes ?? new Uint8Array()).at(-1), 0);
});
