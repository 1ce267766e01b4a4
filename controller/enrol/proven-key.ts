import { provenKeyOf } from "../../common/x509.ts";
import { publicKeyFrom, type PublicKey } from "../../protocol/trust/keys.ts";

/** Undefined for a request that its own key did not sign, or whose key is of another kind. */
export async function provenP256(csr: string): Promise<PublicKey | undefined> {
  const key = await provenKeyOf(csr);
  try {
    return key === undefined ? undefined : publicKeyFrom(key);
  } catch {
    return undefined;
  }
}
