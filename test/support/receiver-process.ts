/** A process with one receiver, to be killed. Arguments: broker URL, device, directory, the archive as JSON. Prints "done". */
import { openMqttReceiver } from "./mqtt-transfer.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";

const [url = "", device = "", directory = "", archive = ""] = process.argv.slice(2);
await using opened = await openMqttReceiver(url, device, directory);
await opened.receiver.fetch(JSON.parse(archive) as ArchiveRef, { signal: new AbortController().signal });
process.stdout.write("done\n");
