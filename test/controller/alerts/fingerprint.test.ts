import t from "tap";
import { fingerprint } from "../../../controller/alerts/fingerprint.ts";

t.test("it is FNV-1a of 64 bits over the parts as JSON", async (t) => {
  // Of `["a"]`, computed by hand with the constants of the authors.
  let hash = 14695981039346656037n;
  for (const byte of Buffer.from('["a"]')) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n);
  t.equal(fingerprint(["a"]), hash.toString(16).padStart(16, "0"));
});

t.test("where one part ends and the next begins makes a difference", async (t) => {
  t.not(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
});
