import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import pc from "picocolors";
import { createKeyFile } from "../../common/key-file.ts";
import { newPassphrase } from "../../common/passphrase.ts";
import { publicKeyFrom } from "../../protocol/trust/keys.ts";
import { withExamples } from "./context.ts";
import { print } from "./output.ts";

export function addRootNewKey(root: Command): void {
  const command = root
    .command("new-key <file>")
    .description("make a key for any role, and its public half beside it")
    .option("--encrypted", "ask for a passphrase, and write the key encrypted with it")
    .action(newKey);
  withExamples(command, "ferry root new-key owner-a.key.pem --encrypted", "ferry root new-key publisher.key.pem");
}

async function newKey(path: string, { encrypted }: { readonly encrypted?: true }): Promise<void> {
  const passphrase = encrypted === true ? await newPassphrase(`New passphrase for ${path}: `) : undefined;
  const { pem, fingerprint } = publicKeyFrom(await createKeyFile(path, passphrase));
  const publicPath = `${path.replace(/(\.key)?\.pem$/, "")}.pub.pem`;
  await writeFile(publicPath, pem);
  print(
    `${pc.green("✔")} A key is made\n` +
      `  private      ${path}${encrypted === true ? ", encrypted" : ""}\n` +
      `  public       ${publicPath}\n` +
      `  fingerprint  ${fingerprint}`,
  );
}
