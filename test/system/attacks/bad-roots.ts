/** Roots that should never be believed: by strangers, by too few owners, or by all owners in a bad hour. */
import { canonicalize } from "@tufjs/canonical-json";
import type { Signer } from "../../../protocol/trust/keys.ts";
import { signRoot, type NewRoot } from "../../../protocol/trust/root.ts";
import { newSigner } from "../../support/keys.ts";

interface RootJson {
  signed: {
    version: number;
    expires: string;
    keys: Record<string, object>;
    roles: Record<string, { keyids: string[]; threshold: number }>;
  };
  signatures: { keyid: string; sig: string }[];
}

/** `first` is version 2 as it might be; each document differs from it in one thing, and stands under that thing's name. */
export async function badRoots({
  first,
  owners,
  director,
}: {
  readonly first: NewRoot;
  readonly owners: readonly Signer[];
  readonly director: Signer;
}): Promise<ReadonlyMap<string, Uint8Array>> {
  const stranger = newSigner();
  const strangers = { keys: [stranger.publicKey], threshold: 1 };
  const changed = async (change: (root: RootJson["signed"]) => void) => {
    const root = JSON.parse(Buffer.from(await signRoot(first, [])).toString()) as RootJson;
    change(root.signed);
    const bytes = Buffer.from(canonicalize(root.signed));
    const signatures = await Promise.all(
      owners.map(async ({ publicKey, sign }) => ({
        keyid: publicKey.id,
        sig: Buffer.from(await sign(bytes)).toString("hex"),
      })),
    );
    return Buffer.from(JSON.stringify({ ...root, signatures }));
  };
  const publisherOf = (signed: RootJson["signed"]) => signed.roles["targets"] ?? { keyids: [], threshold: 0 };
  return new Map<string, Uint8Array>([
    ["a stranger's root", await signRoot({ ...first, roles: { ...first.roles, owner: strangers } }, [stranger])],
    ["a root by one owner of two", await signRoot(first, owners.slice(0, 1))],
    ["a root that skips a version", await signRoot({ ...first, version: 3 }, owners)],
    [
      "a root that its own owners did not sign",
      await signRoot({ ...first, roles: { ...first.roles, owner: strangers } }, owners),
    ],
    [
      "a root with a threshold that cannot be met",
      await changed((signed) => {
        publisherOf(signed).threshold = 3;
      }),
    ],
    [
      "a root whose expiry is no date",
      await changed((signed) => {
        signed.expires = "some day";
      }),
    ],
    [
      "a root with a key under another id",
      await changed((signed) => {
        const [id = ""] = publisherOf(signed).keyids;
        const wrong = "0".repeat(64);
        signed.keys[wrong] = signed.keys[id] ?? {};
        publisherOf(signed).keyids = [id, wrong];
      }),
    ],
    [
      "a root that trusts the online key with bundles",
      await signRoot(
        { ...first, roles: { ...first.roles, publisher: { keys: [director.publicKey], threshold: 1 } } },
        owners,
      ),
    ],
  ]);
}
