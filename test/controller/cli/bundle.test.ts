import { generateKeyPairSync } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { createKeyFile, readKeyFile } from "../../../common/key-file.ts";
import { explain } from "../../../controller/cli/context.ts";
import { createProgram } from "../../../controller/cli/program.ts";
import { publicKeyFrom } from "../../../protocol/trust/keys.ts";
import { copyDigits } from "../../support/bundles.ts";

process.env["NO_COLOR"] = "1";
const examples = new URL("../../../examples/digits/", import.meta.url).pathname;

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ferry …` in this process; both streams are captured. */
async function ferry(t: Test, ...args: string[]): Promise<Finished> {
  const [out, err] = [t.capture(process.stdout, "write"), t.capture(process.stderr, "write")];
  let code = 0;
  try {
    await createProgram().parseAsync(args, { from: "user" });
  } catch (thrown) {
    code = explain(thrown);
  } finally {
    out.restore();
    err.restore();
  }
  const text = (written: typeof out) =>
    written
      .args()
      .map(([bytes]) => String(bytes))
      .join("");
  return { code, stdout: text(out), stderr: text(err) };
}

/** A folder with a fleet's home and a copy of the digits. */
async function workplace(t: Test) {
  const folder = t.testdir();
  const home = join(folder, "home");
  process.env["FERRY_HOME"] = home;
  t.equal((await ferry(t, "init", "--fleet", "test")).code, 0);
  return { folder, home, digits: copyDigits(join(folder, "digits")) };
}

t.test("a model goes from an ONNX file to a signed archive, each command naming the next", async (t) => {
  const { folder } = await workplace(t);
  const bundle = join(folder, "export");
  const archive = join(folder, "digits.bundle.tar");
  mkdirSync(bundle);
  copyFileSync(join(examples, "v1.1.0", "model.onnx"), join(bundle, "model.onnx"));
  const samples = join(examples, "samples.json");

  const init = await ferry(t, "bundle", "init", bundle, "--name", "digits", "--version", "1.1.0", "--samples", samples);
  t.match(init, { code: 0, stdout: /digits@1\.1\.0 .*\n\n.*pixels FP32 \[-1, 64\]/, stderr: /ferry bundle sign/ });
  t.match(await ferry(t, "bundle", "sign", bundle), { code: 0, stdout: /1 signature\n/, stderr: /ferry bundle push/ });
  t.match(await ferry(t, "bundle", "build", bundle, "-o", archive), { code: 0, stderr: /ferry bundle push/ });
  for (const path of [bundle, archive]) {
    t.match(await ferry(t, "bundle", "verify", path), {
      code: 0,
      stdout: /✔ digits@1\.1\.0: 4 files.*\n.*\n.*1 of 1 publisher key/,
    });
    t.match(await ferry(t, "bundle", "test", path), {
      code: 0,
      stdout: /✔ digit \d, sample \d+\n\n.*latency p50 .* p95/,
    });
    t.match(await ferry(t, "bundle", "inspect", path), {
      code: 0,
      stdout: /golden set +50 cases[^]*model\.onnx +24 kB/,
    });
  }
});

t.test("results are JSON where a program asks", async (t) => {
  const { digits } = await workplace(t);
  const json = async (...args: string[]) =>
    JSON.parse((await ferry(t, "bundle", ...args, "-o", "json")).stdout) as unknown;
  const unsigned = (await json("inspect", digits)) as { statement: string; signatures: unknown[] };
  t.same(unsigned.signatures, []);
  await ferry(t, "bundle", "sign", digits);
  const { statement } = unsigned;
  t.match(await json("inspect", digits), { statement, model: { name: "digits" }, signatures: [{ statement }] });
  t.match(await json("verify", digits), { verified: true, statement, rootVersion: 1, files: 5 });
  t.match(await json("test", digits), { passed: true, cases: { length: 20 }, provider: "cpu" });
});

t.test("a bundle that is not as the publisher signed it is refused with what to do", async (t) => {
  const cases: readonly { why: string; spoil: (digits: string) => void; code: number; stderr: RegExp }[] = [
    {
      why: "unsigned",
      spoil: (digits) => {
        rmSync(join(digits, ".oms"), { recursive: true });
      },
      code: 4,
      stderr: /carries no signature.*\nhint: .*ferry bundle sign/,
    },
    {
      why: "tampered",
      spoil: (digits) => {
        appendFileSync(join(digits, "model.onnx"), "x");
      },
      code: 4,
      stderr: /"model\.onnx" is not the one that was signed/,
    },
    {
      why: "an extra file",
      spoil: (digits) => {
        writeFileSync(join(digits, "notes.txt"), "x");
      },
      code: 4,
      stderr: /"notes\.txt" is not among the signed ones.*\nhint: .*Move the file away/,
    },
    {
      why: "a link",
      spoil: (digits) => {
        symlinkSync("model.onnx", join(digits, "link.onnx"));
      },
      code: 1,
      stderr: /link\.onnx is a symbolic link/,
    },
  ];
  for (const { why, spoil, code, stderr } of cases) {
    const { digits } = await workplace(t);
    await ferry(t, "bundle", "sign", digits);
    spoil(digits);
    t.match(await ferry(t, "bundle", "verify", digits), { code, stdout: "", stderr }, why);
    t.match(await ferry(t, "bundle", "push", digits), { code, stderr }, `${why}, before anything is sent`);
  }
  const { folder, digits } = await workplace(t);
  await createKeyFile(join(folder, "stranger.pem"));
  await ferry(t, "bundle", "sign", digits, "--key", join(folder, "stranger.pem"));
  t.match(
    await ferry(t, "bundle", "verify", digits),
    { code: 4, stderr: /0 of the publisher's keys signed/ },
    "a stranger's",
  );
});

t.test("a golden set that the model does not meet ends with 1 and the difference", async (t) => {
  const { digits } = await workplace(t);
  const golden = join(digits, "golden.json");
  writeFileSync(golden, readFileSync(golden, "utf8").replace(/0\.98967767/, "0.5"));
  const { code, stdout, stderr } = await ferry(t, "bundle", "test", digits);
  t.equal(code, 1);
  t.match(stdout, /✖ digit 0, sample 1: output "probabilities".*expected 0\.5/);
  t.match(stderr, /1 of 20 golden cases failed.*\nhint/);
});

t.test("a model that others signed is verified with their key", async (t) => {
  const { folder, home, digits } = await workplace(t);
  await ferry(t, "bundle", "sign", digits);
  const key = join(folder, "publisher.pub.pem");
  writeFileSync(key, publicKeyFrom(await readKeyFile(join(home, "offline", "publisher.key.pem"))).pem);
  t.match(await ferry(t, "bundle", "verify", digits, "--public-key", key), {
    code: 0,
    stdout: /as the key's owner signed/,
  });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey;
  writeFileSync(key, rsa.export({ type: "spki", format: "pem" }));
  t.match(await ferry(t, "bundle", "verify", digits, "--public-key", key), {
    code: 1,
    stderr: /rsa; models are signed with P-256/,
  });
  t.match(await ferry(t, "bundle", "verify", digits, "--public-key", "none.pem"), { code: 3, stderr: /none\.pem/ });
  t.match(await ferry(t, "bundle", "verify", digits, "--signature", "x"), { code: 2, stderr: /--public-key/ });
});

t.test("what is not there, not allowed or not reachable is said with what to do", async (t) => {
  const { folder, digits } = await workplace(t);
  const elsewhere = join(folder, "elsewhere");
  const cases = [
    { args: ["inspect", join(folder, "none")], code: 3, stderr: /There is no .*none.*\nhint/ },
    { args: ["init", digits], code: 6, stderr: /would be overwritten.*\nhint: .*--force/ },
    { args: ["init", digits, "--force", "--name", "My Model"], code: 2, stderr: /Try: --name my-model/ },
    { args: ["init", digits, "--force", "--version", "1/2"], code: 2, stderr: /Try: --version 1-2/ },
    { args: ["init", digits, "--force", "--release", "-1"], code: 2, stderr: /not a release number/ },
    { args: ["sign", digits, "--home", elsewhere], code: 3, stderr: /no private key .*\nhint: .*ferry init/ },
    { args: ["verify", digits, "--home", elsewhere], code: 1, stderr: /1\.root\.json/ },
  ];
  for (const { args, code, stderr } of cases) {
    t.match(await ferry(t, "bundle", ...args), { code, stdout: "", stderr }, args.join(" "));
  }
  await ferry(t, "bundle", "sign", digits);
  // Port 9 (discard) of loopback: nothing listens there.
  const unreachable = await ferry(t, "bundle", "push", digits, "--controller", "http://127.0.0.1:9");
  t.match(unreachable, { code: 5, stderr: /Cannot reach the controller/ });
  t.notOk(existsSync(elsewhere));
});
