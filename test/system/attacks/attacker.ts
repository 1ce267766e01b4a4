/** What an attempt has in its hands: the broker and all that passes through it, and the keys of its power. */
import { createPrivateKey } from "node:crypto";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { deviceTopics, fleetTopics } from "../../../protocol/topics.ts";
import {
  deploymentIn,
  signDeployment,
  type ArchiveRef,
  type DeployedSlot,
  type Deployment,
} from "../../../protocol/trust/deployment.ts";
import { parseEnvelope, type DsseEnvelope } from "../../../protocol/trust/dsse.ts";
import { keySigner, type Signer } from "../../../protocol/trust/keys.ts";
import { archiveOf, type Files, type ForgedBundle } from "../../support/forged-bundle.ts";
import { newSigner } from "../../support/keys.ts";
import type { RogueBroker } from "./rogue-broker.ts";

/** What the attacker came by: nothing in it needs a key that it does not have. */
export interface Loot {
  readonly fleet: FleetId;
  readonly device: DeviceId;
  /** Bundles that the publishers did sign, once, for something. */
  readonly bundles: ReadonlyMap<string, ForgedBundle>;
  /** Deployments that the director signed for others, and roots that its owners should not have signed. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
  /** PKCS#8 PEM: the director's key, and that of one of the two publishers, for whom has them. */
  readonly keys: { readonly director?: string; readonly publisher?: string };
  /** The device's folder and process, for whom has its disk. */
  readonly agent?: { readonly folder: string; readonly pid: number };
}

export class Attacker {
  readonly loot: Loot;
  readonly broker: RogueBroker;
  readonly stranger: Signer = newSigner();
  readonly topics: ReturnType<typeof deviceTopics>;

  constructor(loot: Loot, broker: RogueBroker) {
    this.loot = loot;
    this.broker = broker;
    this.topics = deviceTopics(loot.fleet, loot.device);
  }

  get director(): Signer {
    return signerOf(this.loot.keys.director);
  }

  /** One of two. */
  get publisher(): Signer {
    return signerOf(this.loot.keys.publisher);
  }

  get agent(): { readonly folder: string; readonly pid: number } {
    return required("the device's disk", this.loot.agent);
  }

  bundle(name: string): ForgedBundle {
    return required(`the bundle ${name}`, this.loot.bundles.get(name));
  }

  document(name: string): Uint8Array {
    return required(`the document ${name}`, this.loot.documents.get(name));
  }

  /** Deployments that the honest director published, newest last. */
  heard(): readonly Uint8Array[] {
    return this.broker.heard(this.topics.desired);
  }

  newest(): { readonly bytes: Uint8Array; readonly envelope: DsseEnvelope; readonly deployment: Deployment } {
    const bytes = required("a deployment", this.heard().at(-1));
    const deployment = deploymentIn(parseEnvelope(bytes));
    return { bytes, envelope: JSON.parse(Buffer.from(bytes).toString()) as DsseEnvelope, deployment };
  }

  sendDesired(document: Uint8Array | string | object): Promise<void> {
    const isBytes = document instanceof Uint8Array || typeof document === "string";
    return this.broker.send(this.topics.desired, isBytes ? document : JSON.stringify(document));
  }

  sendRoot(version: number, bytes: Uint8Array): Promise<void> {
    return this.broker.send(fleetTopics(this.loot.fleet).root(version), bytes);
  }

  /** The newest deployment's successor, with these slots. */
  wish(slots: readonly DeployedSlot[], changes: Partial<Deployment> = {}): Deployment {
    const { nonce: _answered, ...newest } = this.newest().deployment;
    const nowMs = Date.now();
    const [issued, expires] = [nowMs, nowMs + 86_400_000].map((ms) => new Date(ms).toISOString());
    return {
      ...newest,
      seq: newest.seq + 1,
      issued: issued ?? "",
      expires: expires ?? "",
      slots: [...slots],
      ...changes,
    };
  }

  async deploy(
    slots: readonly DeployedSlot[],
    changes: Partial<Deployment> = {},
    signer = this.director,
  ): Promise<void> {
    await this.sendDesired(await signDeployment(this.wish(slots, changes), signer));
  }

  /** The slot that a bundle is for, its archive ready to be fetched. */
  async slotOf(bundle: ForgedBundle, changes: Partial<DeployedSlot> = {}): Promise<DeployedSlot> {
    return { ...bundle.slot, archive: await this.serve(bundle.files), ...changes };
  }

  async deployBundle(bundle: ForgedBundle, changes: Partial<DeployedSlot> = {}): Promise<void> {
    await this.deploy([await this.slotOf(bundle, changes)]);
  }

  async serve(content: Files | Uint8Array): Promise<ArchiveRef> {
    return this.broker.serve(content instanceof Uint8Array ? content : await archiveOf(content));
  }
}

/** Of a signed bundle, with some of its files changed, added, or (undefined) removed. */
export function tampered(
  bundle: ForgedBundle,
  changes: Readonly<Record<string, Uint8Array | undefined>>,
): ForgedBundle {
  const files = new Map(bundle.files);
  for (const [name, bytes] of Object.entries(changes)) {
    if (bytes === undefined) files.delete(name);
    else files.set(name, bytes);
  }
  return { ...bundle, files };
}

/** The file with one bit of it changed. */
export function flipped(bundle: ForgedBundle, name: string): Uint8Array {
  const bytes = Buffer.from(required(name, bundle.files.get(name)));
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  return bytes;
}

export function required<T>(what: string, value: T | undefined): T {
  if (value === undefined) throw new Error(`the attacker does not have ${what}`);
  return value;
}

function signerOf(pem: string | undefined): Signer {
  return keySigner(createPrivateKey(required("that key", pem)));
}
