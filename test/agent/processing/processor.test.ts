import t from "tap";
import { openProcessor, type ProcessorPorts } from "../../../agent/processing/processor.ts";
import { openLog } from "../../../common/log.ts";
import type { PreparingModel } from "../../../common/processing/prepare-media.ts";
import type { Picture } from "../../../common/processing/picture.ts";
import { jpeg, photograph, png, PNG_MARK, pngHeader } from "../../support/pictures.ts";
import { until } from "../../support/until.ts";

const model: PreparingModel = {
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 3, -1, -1] }],
  preprocessing: [
    { kind: "picture", input: "x", resize: { mode: "fit", width: 64, height: 64 }, colour: "rgb", layout: "nchw" },
  ],
};
const open = (ports: Partial<ProcessorPorts> = {}) => openProcessor({ log: openLog("test", "silent"), ...ports });
const file = (bytes: Uint8Array) => ({ kind: "file", bytes }) as const;
const small = (picture: Picture = photograph(64, 32)) => file(png(picture));

t.test("it starts with the first picture, and ends when it has nothing to do", async (t) => {
  await using processor = open({ idleMs: 50 });
  t.equal(processor.pid(), undefined);
  const { frames, placement } = await processor.prepare(small(), model);
  t.match(frames, [{ name: "x", datatype: "FP32", shape: [1, 3, 32, 64] }]);
  t.match(placement, { pictureWidth: 64, scaleX: 1 });
  await until("it has ended", () => processor.pid() === undefined);
  t.match(await processor.prepare(small(), model), { frames: [{ name: "x" }] });
});

t.test("a damaged or too large picture is refused, and the process goes on", async (t) => {
  await using processor = open();
  const whole = await jpeg(photograph(64, 32));
  await t.rejects(processor.prepare(file(whole.subarray(0, 500)), model), { code: "bad-media" });
  const pid = processor.pid();
  const huge = Buffer.concat([PNG_MARK, pngHeader(30_000, 30_000)]);
  await t.rejects(processor.prepare(file(huge), model), { code: "media-too-large" });
  t.match(await processor.prepare(file(whole), model), { frames: [{ shape: [1, 3, 32, 64] }] });
  t.equal(processor.pid(), pid);
});

t.test("what waited for a process that was ended is prepared by the next one", async (t) => {
  await using processor = open();
  await processor.prepare(small(), model);
  const asked = Promise.all(Array.from({ length: 20 }, () => processor.prepare(small(), model)));
  process.kill(processor.pid() ?? 0, "SIGKILL");
  t.equal((await asked).length, 20);
});

t.test("a picture over which the process ends twice is refused", async (t) => {
  // A decoder with a hole in it: nothing that we know of makes ours end.
  const command = {
    file: process.execPath,
    args: ["-e", "process.on('message', () => process.kill(process.pid, 'SIGSEGV'))"],
  };
  await using processor = open({ command });
  await t.rejects(processor.prepare(small(), model), { code: "bad-media", message: /ended over it 2 times .*SIGSEGV/ });
});

t.test("what takes too long is given up, and its process with it", async (t) => {
  await using processor = open({
    command: { file: process.execPath, args: ["-e", "process.on('message', () => {})"] },
    workMsMax: 100,
  });
  await t.rejects(processor.prepare(small(), model), { failure: "timed-out", message: /longer than 100 ms/ });
  t.equal(processor.pid(), undefined);
});

t.test("so many pictures may wait, and no more", async (t) => {
  await using processor = open();
  const asked = Array.from({ length: 80 }, () =>
    processor.prepare(small(), model).then(
      () => "prepared",
      (error: unknown) => (error as { failure: string }).failure,
    ),
  );
  const outcomes = await Promise.all(asked);
  t.equal(outcomes.filter((outcome) => outcome === "prepared").length, 65, "one under way and 64 that wait");
  t.equal(outcomes.filter((outcome) => outcome === "queue-full").length, 15);
});

t.test("large outputs are interpreted there too", async (t) => {
  await using processor = open();
  const output = {
    name: "y",
    datatype: "FP32",
    shape: [1, 3],
    bytes: new Uint8Array(Float32Array.of(1, 3, 2).buffer),
  } as const;
  const postprocessing = [{ kind: "classes", output: "y", top: 1 } as const];
  const results = await processor.interpret({
    postprocessing,
    labels: ["a", "b", "c"],
    parameters: {},
    frames: [[output]],
  });
  t.same(results, { top: [{ label: "b", index: 1, score: 3 }] });
  const wrong = {
    postprocessing: [{ kind: "classes", output: "z" } as const],
    labels: [],
    parameters: {},
    frames: [[output]],
  };
  await t.rejects(processor.interpret(wrong), { code: "bad-output", message: /did not give the output "z"/ });
});
