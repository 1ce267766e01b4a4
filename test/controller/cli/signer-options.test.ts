import t from "tap";
import { signerSource } from "../../../controller/cli/signer-options.ts";

t.test("a key file, the usual one, or a command with its public key", async (t) => {
  t.same(signerSource({}, "usual.pem"), { kind: "file", path: "usual.pem" });
  t.same(signerSource({ key: "other.pem" }, "usual.pem"), { kind: "file", path: "other.pem" });
  const command = { kind: "command", command: "./sign", publicKeyFile: "a.pub.pem" };
  t.same(signerSource({ signerCmd: "./sign", publicKey: "a.pub.pem" }, "usual.pem"), command);
});

const wrong = [
  { key: "a.pem", signerCmd: "./sign", publicKey: "a.pub.pem" },
  { key: "a.pem", publicKey: "a.pub.pem" },
  { signerCmd: "./sign" },
  { publicKey: "a.pub.pem" },
];
for (const options of wrong) {
  t.test(`${Object.keys(options).join(" and ")} are no signer`, async (t) => {
    t.throws(() => signerSource(options, "usual.pem"), { code: "usage", exitCode: 2 });
  });
}
