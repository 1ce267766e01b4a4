import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openLog } from "../../../common/log.ts";
import { parseModelJson, type ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../../protocol/ids.ts";
import type { RefusalCode } from "../../../protocol/trust/refusal.ts";
import type { Role } from "../../../protocol/trust/root.ts";
import { openBundleDirectory } from "../../../agent/store/bundle-directory.ts";
import { checkModel, verifyArchive, type BundleExpectation } from "../../../agent/update/verify-bundle.ts";
import { publisherRole, signedDigits, tarOf } from "../../support/bundles.ts";
import { newSigner } from "../../support/keys.ts";

const log = openLog("test", "silent");
const [first, second, stranger] = [newSigner(), newSigner(), newSigner()];
const digits = "digits" as ModelName;
const traits = { hardwareClasses: ["linux-arm64", "raspberry-pi", "raspberry-pi-5"], agentVersion: "1.4.2" };

type SignedDigits = Awaited<ReturnType<typeof signedDigits>>;

function expectation(statement: string): BundleExpectation {
  const wish = { model: digits, version: "1.0.0" as ModelVersion, statement: statement as StatementDigest };
  return { wish, rollbackIndex: 0, traits };
}

/** Verifies an archive as the agent does, in a place of its own. */
async function verify(t: Test, archive: Uint8Array, publisher: Role, given: BundleExpectation) {
  const path = join(t.testdirName, "bundles");
  const bundles = await openBundleDirectory(path, log);
  const file = join(t.testdirName, "archive.tar");
  writeFileSync(file, archive);
  const { signal } = new AbortController();
  const verified = verifyArchive({ archive: file, publisher, bundles, expectation: given, signal });
  return { verified, left: () => readdirSync(path) };
}

async function signed(t: Test, ...signers: Parameters<typeof publisherRole>[1][]): Promise<SignedDigits> {
  mkdirSync(t.testdir(), { recursive: true });
  return signedDigits(join(t.testdirName, "digits"), ...signers);
}

t.test("an archive for which enough publishers vouch becomes a bundle under its digest", async (t) => {
  const { archive, statement } = await signed(t, first, second);
  const { verified, left } = await verify(t, archive, publisherRole(2, first, second), expectation(statement));
  t.match(await verified, { statement, model: { name: "digits" } });
  t.strictSame(left(), [statement]);
});

const refusals: readonly {
  readonly what: string;
  readonly code: RefusalCode;
  readonly signers: readonly (typeof first)[];
  readonly publisher: Role;
  readonly archive?: (signed: SignedDigits) => Uint8Array | Promise<Uint8Array>;
  readonly statement?: string;
}[] = [
  {
    what: "one of two signatures",
    code: "publisher-signature",
    signers: [first],
    publisher: publisherRole(2, first, second),
  },
  {
    what: "a stranger's signature",
    code: "publisher-signature",
    signers: [stranger],
    publisher: publisherRole(1, first),
  },
  {
    what: "no signature at all",
    code: "publisher-signature",
    signers: [first],
    publisher: publisherRole(1, first),
    archive: () => tarOf({ name: "model.json", content: "{}" }),
  },
  {
    what: "another signed bundle than the deployment wishes",
    code: "bundle-wrong-model",
    signers: [first],
    publisher: publisherRole(1, first),
    statement: "0".repeat(64),
  },
  {
    what: "a file beside the signed ones",
    code: "bundle-unlisted-file",
    signers: [first],
    publisher: publisherRole(1, first),
    archive: withOneMore,
  },
];

for (const { what, code, signers, publisher, archive, statement } of refusals) {
  t.test(`${code}: ${what}, and nothing is left behind`, async (t) => {
    const bundle = await signed(t, ...signers);
    const bytes = (await archive?.(bundle)) ?? bundle.archive;
    const { verified, left } = await verify(t, bytes, publisher, expectation(statement ?? bundle.statement));
    await t.rejects(verified, { name: "BundleRefused", code });
    t.strictSame(left(), []);
  });
}

/** The same archive with one more file at its end, before the zeros that end an archive. */
async function withOneMore({ archive }: SignedDigits): Promise<Uint8Array> {
  const last = archive.findLastIndex((byte) => byte !== 0);
  const content = archive.subarray(0, Math.ceil((last + 1) / 512) * 512);
  return Buffer.concat([content, await tarOf({ name: "zz-extra", content: "x" })]);
}

const model = parseModelJson(
  Buffer.from(
    JSON.stringify({
      formatVersion: 1,
      name: "digits",
      version: "1.0.0",
      release: 1,
      rollbackIndex: 3,
      file: "model.onnx",
      inputs: [{ name: "x", datatype: "FP32", shape: [1] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [1] }],
      golden: "golden.json",
      compatible: ["jetson", "raspberry-pi"],
      minimumAgent: "1.4.2",
    }),
  ),
);

const parameters = { threshold: { default: 0.5, min: 0.1, max: 0.9 } };
function withParams(params: Record<string, number>): Pick<BundleExpectation, "wish"> {
  return { wish: { ...expectation("0").wish, params } };
}

const fits: readonly {
  readonly what: string;
  readonly code?: RefusalCode;
  readonly changes?: Partial<ModelJson>;
  readonly given?: Partial<BundleExpectation>;
}[] = [
  { what: "hardware and agent that are named" },
  { what: "any hardware", changes: { compatible: ["*"] } },
  { what: "an index that was active here already", given: { rollbackIndex: 3 } },
  { what: "an older minimum agent, counted as numbers", changes: { minimumAgent: "1.3.10" } },
  { what: "another model's name", code: "bundle-wrong-model", changes: { name: "faces" as ModelName } },
  {
    what: "another version than the label says",
    code: "bundle-wrong-model",
    changes: { version: "1.0.1" as ModelVersion },
  },
  { what: "other hardware", code: "bundle-incompatible", changes: { compatible: ["jetson", "raspberry-pi-4"] } },
  { what: "an agent of tomorrow", code: "bundle-agent-too-old", changes: { minimumAgent: "1.4.10" } },
  { what: "parameters within their bounds", changes: { parameters }, given: withParams({ threshold: 0.9 }) },
  {
    what: "a parameter beyond its bounds",
    code: "bundle-parameters",
    changes: { parameters },
    given: withParams({ threshold: 0.95 }),
  },
  { what: "a parameter that there is not", code: "bundle-parameters", given: withParams({ threshold: 0.5 }) },
  { what: "an index below one that was active here", code: "bundle-rollback-index", given: { rollbackIndex: 4 } },
];

for (const { what, code, changes, given } of fits) {
  t.test(`${code ?? "taken"}: ${what}`, async (t) => {
    const check = () => {
      checkModel({ ...model, ...changes }, { ...expectation("0"), ...given });
    };
    if (code === undefined) t.doesNotThrow(check);
    else t.throws(check, { name: "BundleRefused", code, message: /./ });
  });
}
