import { generateKeyPairSync } from "node:crypto";
import { keySigner, type Signer } from "../../protocol/trust/keys.ts";
import { acceptFirstRoot, signRoot, type NewRoot, type TrustRoot } from "../../protocol/trust/root.ts";
import { sha256 } from "../../protocol/trust/digest.ts";

/** A fresh P-256 key. */
export function newSigner(): Signer {
  return keySigner(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

export interface Owners {
  readonly owner: Signer;
  readonly publisher: Signer;
  readonly director: Signer;
}

export function newOwners(): Owners {
  return { owner: newSigner(), publisher: newSigner(), director: newSigner() };
}

/** What `signRoot` takes, with one key for each role unless told otherwise. */
export function rootOf({ owner, publisher, director }: Owners, changes: Partial<NewRoot> = {}): NewRoot {
  const role = (signer: Signer) => ({ keys: [signer.publicKey], threshold: 1 });
  return {
    version: 1,
    expires: new Date(Date.now() + 365 * 86_400_000),
    roles: { owner: role(owner), publisher: role(publisher), director: role(director) },
    ...changes,
  };
}

/** Version 1 of a root, already accepted by its digest. */
export async function newRoot(owners: Owners, changes: Partial<NewRoot> = {}): Promise<TrustRoot> {
  const bytes = await signRoot(rootOf(owners, changes), [owners.owner]);
  return acceptFirstRoot(bytes, sha256(bytes));
}
