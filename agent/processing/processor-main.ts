/**
 * The program of the processor: the one place of a device where pictures and sounds of strangers are decoded. It does one
 * after the other, and exits when the agent is gone. What breaks a decoder breaks this process, and no model with it.
 */
import { writeFileSync } from "node:fs";
import { messageOf } from "../../common/ferry-error.ts";
import { openPictureDecoder } from "../../common/processing/decode/decode-picture.ts";
import { interpretOutputs } from "../../common/processing/results/interpret-outputs.ts";
import { prepareMedia } from "../../common/processing/prepare-media.ts";
import { ProcessingError } from "../../common/processing/processing-error.ts";
import type { FromProcessor, ToProcessor } from "./processor-messages.ts";

/** Of the range to 1,000 of proc_pid_oom_score_adj(5): it ends before a runner does, which took longer to start. */
const OOM_SCORE_ADJUSTMENT = 700;

const opening = openPictureDecoder();

process.on("message", (message: ToProcessor) => {
  void answer(message).then((reply) => {
    if (process.connected) process.send?.(reply);
  });
});
process.on("disconnect", () => {
  process.exit();
});
// Only the agent decides when this ends: Ctrl-C reaches the whole process group.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);
try {
  writeFileSync("/proc/self/oom_score_adj", String(OOM_SCORE_ADJUSTMENT));
} catch {
  // A system without /proc, or a sandbox that keeps it read-only: all processes are then alike.
}

async function answer(message: ToProcessor): Promise<FromProcessor> {
  try {
    if (message.kind === "interpret") return { kind: "interpreted", results: interpretOutputs(message.interpretation) };
    const { decode } = await opening;
    return { kind: "prepared", prepared: await prepareMedia(decode, message.media, message.model) };
  } catch (error) {
    if (error instanceof ProcessingError) return { kind: "refused", why: error.code, message: error.message };
    return { kind: "failed", message: messageOf(error) };
  }
}
