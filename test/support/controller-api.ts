/** A whole controller in this process, on ports that the system chose, and the client of its API. */
import { openLog } from "../../common/log.ts";
import { readKeyFile } from "../../common/key-file.ts";
import { controllerPaths, type ControllerPaths } from "../../controller/config.ts";
import { runController, type RunningController } from "../../controller/controller.ts";
import { createClient, type Client } from "../../controller/http/client.ts";
import { readLocalToken } from "../../controller/operators/local-operator.ts";
import { createHome } from "../../controller/new-home.ts";
import { existsSync } from "node:fs";
import type { FleetId } from "../../protocol/ids.ts";
import { keySigner, type Signer } from "../../protocol/trust/keys.ts";
import { FLEET } from "./device-views.ts";

export interface TestController extends RunningController, AsyncDisposable {
  readonly client: Client;
  readonly paths: ControllerPaths;
  readonly fleet: FleetId;
  readonly publisher: Signer;
}

/** On a folder that is a home already, that home is used. */
export async function openTestController(
  directory: string,
  { mqttPort = 0, brokerUrl }: { readonly mqttPort?: number; readonly brokerUrl?: string } = {},
): Promise<TestController> {
  const paths = controllerPaths(directory);
  if (!existsSync(paths.config)) await createHome(paths, { fleet: FLEET, nowMs: Date.now() });
  const stopping = new AbortController();
  const ready = Promise.withResolvers<RunningController>();
  const running = runController(
    {
      paths,
      config: { formatVersion: 1, fleet: FLEET, mqtt: { host: "127.0.0.1", port: mqttPort }, http: { port: 0 } },
      brokerUrl,
      insecureLoopback: true,
      log: openLog("controller", process.env["FERRY_LOG"] ?? "silent"),
    },
    ready.resolve,
    stopping.signal,
  );
  running.catch(ready.reject);
  const controller = await ready.promise;
  return {
    ...controller,
    client: createClient(controller.httpUrl, { token: readLocalToken(paths.operatorToken) }),
    paths,
    fleet: FLEET,
    publisher: keySigner(await readKeyFile(paths.publisherKey)),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
    },
  };
}
