import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openLog } from "../../../common/log.ts";
import type { StatementDigest } from "../../../protocol/ids.ts";
import { openBundleDirectory, type BundleDirectory } from "../../../agent/store/bundle-directory.ts";
import { signedDigits } from "../../support/bundles.ts";
import { newSigner } from "../../support/keys.ts";

const log = openLog("test", "silent");

interface Held {
  readonly path: string;
  readonly bundles: BundleDirectory;
  readonly statement: StatementDigest;
  /** Where the bundle lies. */
  readonly place: string;
}

/** A directory that holds one bundle, taken in as the agent does. */
async function withBundle(t: Test): Promise<Held> {
  const path = join(t.testdir(), "bundles");
  const bundles = await openBundleDirectory(path, log);
  const { statement } = await adopt(bundles);
  return { path, bundles, statement, place: join(path, statement) };
}

async function adopt(bundles: BundleDirectory) {
  const staging = await bundles.makeStaging();
  const signed = await signedDigits(staging, newSigner());
  await bundles.adopt(staging, signed.statement);
  return signed;
}

t.test("an adopted bundle lies under its digest, read-only, and opens after a restart", async (t) => {
  const { path, statement, place } = await withBundle(t);
  t.equal(statSync(place).mode & 0o777, 0o500);
  t.equal(statSync(join(place, "model.onnx")).mode & 0o777, 0o400);
  const again = await openBundleDirectory(path, log);
  t.strictSame([...again.held()], [statement]);
  t.match(await again.open(statement), { directory: place, statement, model: { name: "digits", version: "1.0.0" } });
});

const damages: readonly { readonly what: string; readonly code: string; readonly to: (place: string) => void }[] = [
  {
    what: "a bit that flipped",
    code: "bundle-file-digest",
    to: (place) => {
      appendFileSync(join(place, "model.onnx"), "x");
    },
  },
  {
    what: "a file that is gone",
    code: "bundle-file-digest",
    to: (place) => {
      rmSync(join(place, "labels.txt"));
    },
  },
  {
    what: "a file too many",
    code: "bundle-unlisted-file",
    to: (place) => {
      writeFileSync(join(place, "extra"), "x");
    },
  },
  {
    what: "a link in a file's place",
    code: "bundle-malformed",
    to: (place) => {
      rmSync(join(place, "labels.txt"));
      symlinkSync("/etc/hostname", join(place, "labels.txt"));
    },
  },
  {
    what: "a statement that is gone",
    code: "bundle-malformed",
    to: (place) => {
      rmSync(join(place, ".oms"), { recursive: true });
    },
  },
];

for (const { what, code, to } of damages) {
  t.test(`${what} on the disk is found when the bundle is opened, and the bundle removed`, async (t) => {
    const { bundles, statement, place } = await withBundle(t);
    chmodSync(place, 0o700);
    chmodSync(join(place, "model.onnx"), 0o600);
    to(place);
    await t.rejects(bundles.open(statement), { name: "BundleRefused", code });
    t.equal(bundles.held().size, 0);
    t.notOk(existsSync(place));
  });
}

t.test("a file that was touched after it was hashed is told, even when its old bytes are back", async (t) => {
  const { bundles, statement, place } = await withBundle(t);
  const bundle = await bundles.open(statement);
  await bundles.confirm(bundle);
  const model = join(place, "model.onnx");
  const bytes = readFileSync(model);
  chmodSync(model, 0o600);
  writeFileSync(model, "another");
  await t.rejects(bundles.confirm(bundle), { name: "BundleRefused", code: "bundle-file-digest" });
  writeFileSync(model, bytes);
  chmodSync(model, 0o400);
  await t.rejects(bundles.confirm(bundle), { code: "bundle-file-digest" });
  await bundles.confirm(await bundles.open(statement));
});

t.test("a bundle under another one's name is refused", async (t) => {
  const { path, statement } = await withBundle(t);
  const other = await signedDigits(join(t.testdirName, "other"), newSigner());
  const bundles = await openBundleDirectory(path, log);
  const impostor = "0".repeat(64) as StatementDigest;
  const staging = await bundles.makeStaging();
  await signedDigits(staging, newSigner());
  await bundles.adopt(staging, impostor);
  t.not(other.statement, impostor);
  await t.rejects(bundles.open(impostor), { code: "bundle-malformed" });
  t.ok(bundles.held().has(statement));
});

t.test("only what is needed is kept", async (t) => {
  const { path, bundles, statement } = await withBundle(t);
  const staging = await bundles.makeStaging();
  await signedDigits(staging, newSigner());
  const unneeded = "1".repeat(64) as StatementDigest;
  await bundles.adopt(staging, unneeded);
  await bundles.keepOnly(new Set([statement]));
  t.strictSame(readdirSync(path), [statement]);
  t.strictSame([...bundles.held()], [statement]);
});

t.test("what a power cut left half unpacked is gone at the next start", async (t) => {
  const { path, bundles, statement } = await withBundle(t);
  const staging = await bundles.makeStaging();
  mkdirSync(join(staging, "golden"));
  writeFileSync(join(staging, "golden", "half"), "x");
  chmodSync(join(staging, "golden"), 0o500);
  await openBundleDirectory(path, log);
  t.strictSame(readdirSync(path), [statement]);
});
