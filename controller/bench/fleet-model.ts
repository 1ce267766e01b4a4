/** A model on a device, asked over MQTT through the controller as `ferry predict` does. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DeviceId, ModelName } from "../../protocol/ids.ts";
import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { Client } from "../http/client.ts";
import { tensorsByName } from "../predict/named-inputs.ts";
import type { Ask } from "./load.ts";
import { randomTensor } from "./random-tensor.ts";

export interface FleetModelOptions {
  readonly client: Pick<Client, "listBundles" | "predict">;
  readonly device: DeviceId;
  readonly model: ModelName;
  /** Values by name; without it random ones of the shapes that the catalogue's newest version declares. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** Of dimensions that may vary, where no inputs are given. */
  readonly batch: number;
}

export interface FleetModel {
  readonly ask: Ask;
  /** Bytes of one request's body. */
  readonly requestBytes: number;
}

/** Asks once before it returns. Throws what the first answer says, and FerryError `not-found`. */
export async function openFleetModel(options: FleetModelOptions): Promise<FleetModel> {
  const { client, device, model, inputs, batch } = options;
  const { bundles } = await client.listBundles({ query: { name: model } });
  const [newest] = bundles;
  if (newest === undefined) {
    throw new FerryError("not-found", `The catalogue has no model ${model}`, {
      hint: "See what it has: ferry bundle list",
      exitCode: EXIT.notFound,
    });
  }
  const declared = newest.model.inputs;
  const tensors =
    inputs === undefined ? declared.map((spec) => randomTensor(spec, batch)) : tensorsByName(inputs, declared);
  const body = {
    inputs: tensors.map((tensor) => ({
      name: tensor.name,
      datatype: tensor.datatype,
      shape: [...tensor.shape],
      data: valuesFromTensor(tensor),
    })),
  };
  await client.predict({ params: { device, model }, body });
  return {
    requestBytes: Buffer.byteLength(JSON.stringify(body)),
    ask: async () => {
      try {
        await client.predict({ params: { device, model }, body });
        return { answered: true, status: "200" };
      } catch (thrown) {
        if (thrown instanceof FerryError) return { answered: false, status: thrown.code };
        throw thrown;
      }
    },
  };
}
