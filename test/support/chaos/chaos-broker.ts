/** A broker as a process that can be killed. Argument: its port. */
import { createServer } from "node:net";
import { Aedes } from "aedes";

const aedes = await Aedes.createBroker();
createServer((socket) => {
  aedes.handle(socket);
}).listen(Number(process.argv[2]), "127.0.0.1", () => process.stdout.write("listening\n"));
