import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { tryVectors } from "../test/vectors/wycheproof.ts";

const HELP = `scripts/vectors FILE…

Tries files of C2SP/wycheproof (Apache-2.0; testvectors_v1/ecdsa_secp*_test.json in a copy of that repository), or of
the same form: every vector through every function here that verifies such signatures.`;

const files = process.argv.slice(2);
if (files.length === 0 || files.includes("--help")) process.stdout.write(`${HELP}\n`);
for (const path of files) {
  const { tried, skipped, wrong } = tryVectors(JSON.parse(readFileSync(path, "utf8")));
  const passedOver = skipped === 0 ? "" : `, ${String(skipped)} passed over: no such signatures are taken here`;
  process.stdout.write(`${basename(path)}: ${String(tried)} answers, ${String(wrong.length)} wrong${passedOver}\n`);
  for (const sentence of wrong) process.stdout.write(`  ${sentence}\n`);
  if (wrong.length > 0) process.exitCode = 1;
}
