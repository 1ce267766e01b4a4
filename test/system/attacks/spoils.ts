/** The fleet's keys, and whatever of its signed documents an attacker may have come by. */
import { generateKeyPairSync } from "node:crypto";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { signDeployment, type Deployment } from "../../../protocol/trust/deployment.ts";
import { keySigner, type Signer } from "../../../protocol/trust/keys.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import {
  acceptFirstRoot,
  acceptNextRoot,
  signRoot,
  type NewRoot,
  type TrustRoot,
} from "../../../protocol/trust/root.ts";
import { digitsFiles, signedBundle, type ForgedBundle } from "../../support/forged-bundle.ts";
import { tinyOnnx } from "../../support/tiny-onnx.ts";
import { badRoots } from "./bad-roots.ts";
import type { Loot } from "./attacker.ts";

export interface Spoils {
  readonly root: TrustRoot;
  /** Another director, then nothing but another expiry: two roots that follow from the first. */
  readonly laterRoots: readonly TrustRoot[];
  readonly owners: { readonly director: Signer; readonly directorPem: string; readonly nextDirector: Signer };
  /** Two of two must sign. */
  readonly publishers: { readonly onePem: string };
  /** What the device serves while it is attacked, and what may follow it. */
  readonly base: ForgedBundle;
  readonly next: ForgedBundle;
  /** A model of another name, for a slot of its own. */
  readonly other: ForgedBundle;
  /** A version that the device has never had, so that it must come over the wire. */
  readonly unseen: (version: string) => Promise<ForgedBundle>;
  readonly loot: Loot;
}

export async function gatherLoot(fleet: FleetId, device: DeviceId): Promise<Spoils> {
  const [ownerOne, ownerTwo, publisherOne, publisherTwo, director, nextDirector] = [
    newKey(),
    newKey(),
    newKey(),
    newKey(),
    newKey(),
    newKey(),
  ];
  const owners = [ownerOne.signer, ownerTwo.signer];
  const publishers = [publisherOne.signer, publisherTwo.signer];
  const twoOf = (signers: readonly Signer[]) => ({ keys: signers.map(({ publicKey }) => publicKey), threshold: 2 });
  const rootWith = (version: number, online: Signer): NewRoot => ({
    version,
    expires: new Date(Date.now() + 365 * 86_400_000),
    roles: {
      owner: twoOf(owners),
      publisher: twoOf(publishers),
      director: { keys: [online.publicKey], threshold: 1 },
    },
  });
  const bytes = await signRoot(rootWith(1, director.signer), owners);
  const root = acceptFirstRoot(bytes, sha256(bytes));
  const second = acceptNextRoot(root, await signRoot(rootWith(2, nextDirector.signer), owners));
  const third = acceptNextRoot(second, await signRoot(rootWith(3, nextDirector.signer), owners));

  // A device that has had rollback index 2 takes nothing below it.
  const sign = (files: ReadonlyMap<string, Uint8Array>) => signedBundle(files, publishers);
  const base = await sign(digitsFiles("1.0.0", { rollbackIndex: 2 }));
  const next = await sign(digitsFiles("1.1.0", { rollbackIndex: 2 }));
  const other = await sign(digitsFiles("1.1.0", { name: "letters" }));
  const escaping = tinyOnnx({
    inputs: [{ name: "pixels", type: "FP32", shape: ["n", 64] }],
    outputs: [{ name: "probabilities", type: "FP32", shape: ["n", 64] }],
    nodes: [{ op: "Add", inputs: ["pixels", "secret"], outputs: ["probabilities"] }],
    initializers: [{ name: "secret", shape: [64], values: { file: "../../../device.key.pem" } }],
  });
  const bundles = new Map<string, ForgedBundle>([
    ["base", base],
    ["next", next],
    ["other model", other],
    ["below the rollback index", await sign(digitsFiles("1.1.0", { version: "0.9.0", rollbackIndex: 1 }))],
    [
      "for other hardware",
      await sign(digitsFiles("1.1.0", { version: "1.2.0", rollbackIndex: 2, compatible: ["no-such"] })),
    ],
    [
      "for a newer agent",
      await sign(digitsFiles("1.1.0", { version: "1.2.1", rollbackIndex: 2, minimumAgent: "99.0.0" })),
    ],
    [
      "escaping data",
      await sign(digitsFiles("1.1.0", { version: "1.2.2", rollbackIndex: 2 }, new Map([["model.onnx", escaping]]))),
    ],
    [
      "twins",
      await sign(
        digitsFiles(
          "1.1.0",
          { version: "1.2.3" },
          new Map([
            ["a.bin", bin(1)],
            ["b.bin", bin(2)],
          ]),
        ),
      ),
    ],
  ]);
  const documents = new Map<string, Uint8Array>(
    await badRoots({ first: rootWith(2, director.signer), owners, director: director.signer }),
  );
  const deployment: Deployment = {
    v: 1,
    fleet,
    device,
    seq: 1_000_000,
    rootVersion: 1,
    issued: new Date().toISOString(),
    expires: new Date(Date.now() + 86_400_000).toISOString(),
    slots: [],
  };
  for (const [name, changes] of Object.entries({
    "another device's": { device: "two" as DeviceId },
    "another fleet's": { fleet: "other" as FleetId },
  })) {
    const envelope = await signDeployment({ ...deployment, ...changes }, director.signer);
    documents.set(name, Buffer.from(JSON.stringify(envelope)));
  }
  return {
    root,
    laterRoots: [second, third],
    owners: { director: director.signer, directorPem: director.pem, nextDirector: nextDirector.signer },
    publishers: { onePem: publisherOne.pem },
    base,
    next,
    other,
    unseen: (version) => sign(digitsFiles("1.1.0", { version, rollbackIndex: 2 })),
    loot: { fleet, device, bundles, documents, keys: {} },
  };
}

function newKey(): { readonly signer: Signer; readonly pem: string } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { signer: keySigner(privateKey), pem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

function bin(value: number): Uint8Array {
  return Buffer.alloc(64, value);
}
