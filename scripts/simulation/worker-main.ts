/** A thread that plays what it is given, one run at a time. */
import { parentPort } from "node:worker_threads";
import { play, type Work } from "./work.ts";

parentPort?.on("message", (work: Work) => {
  parentPort?.postMessage(play(work));
});
