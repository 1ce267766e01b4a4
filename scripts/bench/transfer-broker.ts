/** A process that is the embedded broker and nothing else, so that its memory can be told apart. */
import { openLog } from "../../common/log.ts";
import { openEmbeddedBroker } from "../../controller/broker/embedded-broker.ts";

const broker = await openEmbeddedBroker({ host: "127.0.0.1", port: 0, log: openLog("bench-broker", "error") });
process.send?.({ url: broker.url });
process.once("disconnect", () => void broker[Symbol.asyncDispose]());
