/** A process of plain mqtt.js subscribers that count bytes: what the machine and the broker can do without Modelferry. */
import mqtt from "mqtt";

export interface BarePlan {
  readonly url: string;
  readonly subscribers: number;
  readonly topic: string;
}

/** Child → parent, fifty times a second: frames that each subscriber has. The first says that all listen. */
export interface BareNews {
  readonly frames: readonly number[];
}

const plan = JSON.parse(process.argv[2] ?? "{}") as BarePlan;
const frames = Array.from({ length: plan.subscribers }, () => 0);
for (const [at] of frames.entries()) {
  const client = await mqtt.connectAsync(plan.url, { clientId: `bare-${String(process.pid)}-${String(at)}` });
  client.on("message", () => {
    frames[at] = (frames[at] ?? 0) + 1;
  });
  await client.subscribeAsync(plan.topic, { qos: 0 });
}
const tell = () => process.send?.({ frames } satisfies BareNews);
tell();
setInterval(tell, 20);
process.once("disconnect", () => {
  process.exit(0);
});
