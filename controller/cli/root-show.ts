import { existsSync } from "node:fs";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { TrustRoot } from "../../protocol/trust/root.ts";
import { ROLE_NAMES } from "../roots/plan-root.ts";
import { rootExpiry } from "../roots/root-expiry.ts";
import { readDraft, standingsOf, type RootDraft, type Standing } from "../roots/root-draft.ts";
import { readRoots } from "../trust-roots.ts";
import { formatOf, withExamples, withOutput, type OutputOptions } from "./context.ts";
import { printOne } from "./output.ts";
import { placeOf, rootErrors, withPlace, type PlaceOptions } from "./root-place.ts";

export function addRootShow(root: Command): void {
  const command = root
    .command("show")
    .description("who may sign what, until when, and which signatures a draft still lacks")
    .action(rootErrors(show));
  withExamples(withOutput(withPlace(command)), "ferry root show", "ferry root show --draft 2.draft.json -o json");
}

async function show(options: PlaceOptions & OutputOptions): Promise<void> {
  const { paths, newest, draftFile } = await placeOf(options);
  const draft = existsSync(draftFile) || options.draft !== undefined ? await readDraft(draftFile) : undefined;
  if (newest === undefined && draft === undefined) {
    throw new FerryError("no-root", `${paths.roots} holds neither a root nor a draft`, {
      hint: "Begin one with `ferry root init`, or name the folder of one with --home.",
      exitCode: EXIT.notFound,
    });
  }
  const rootPin = newest === undefined ? undefined : (await readRoots(paths))[0]?.digest;
  const value = {
    ...(rootPin === undefined ? {} : { rootPin }),
    ...(newest === undefined ? {} : { root: shown(newest) }),
    ...(draft === undefined
      ? {}
      : { draft: { ...shown(draft.next), signatures: standingsOf(draft).map(shownStanding) } }),
  };
  const describe = () =>
    [
      ...(newest === undefined ? [] : [`Root version ${newest.version}, in use`, ...lines(newest), ""]),
      ...(rootPin === undefined ? [] : ["Root pin (SHA-256 of version 1)", `  ${rootPin}`, ""]),
      ...(draft === undefined ? [] : draftLines(draft, draftFile)),
    ]
      .join("\n")
      .trimEnd();
  printOne(value, formatOf(options), describe, String((draft?.next ?? newest)?.version));
}

function shown({ version, expiresMs, roles }: TrustRoot) {
  const role = (name: keyof typeof roles) => ({
    threshold: roles[name].threshold,
    keys: roles[name].keys.map(({ fingerprint }) => fingerprint),
  });
  return {
    version,
    expires: new Date(expiresMs).toISOString(),
    roles: { owner: role("owner"), publisher: role("publisher"), director: role("director") },
  };
}

function shownStanding({ version, threshold, signed, unsigned }: Standing) {
  return {
    ownersOf: version,
    threshold,
    signed: signed.map(({ fingerprint }) => fingerprint),
    unsigned: unsigned.map(({ fingerprint }) => fingerprint),
  };
}

function lines({ expiresMs, roles }: TrustRoot): string[] {
  const expiry = rootExpiry(expiresMs, Date.now());
  const date = new Date(expiresMs).toISOString().slice(0, 10);
  const colour = expiry.kind === "far" ? (text: string) => text : expiry.kind === "near" ? pc.yellow : pc.red;
  return [
    `  ${colour(`${expiry.kind === "passed" ? "expired" : "expires"} ${date}`)}`,
    ...ROLE_NAMES.flatMap((name) => {
      const { keys, threshold } = roles[name];
      return [
        `  ${name.padEnd(10)} ${threshold} of ${keys.length} must sign`,
        ...keys.map(({ fingerprint }) => `    ${fingerprint}`),
      ];
    }),
  ];
}

function draftLines(draft: RootDraft, path: string): string[] {
  return [
    `Draft of version ${draft.next.version} in ${path}`,
    ...lines(draft.next),
    ...standingsOf(draft).flatMap(({ version, threshold, signed, unsigned }) => {
      const missing = Math.max(0, threshold - signed.length);
      const mark = missing === 0 ? pc.green("✔") : pc.yellow(`${missing} missing`);
      return [
        `  signatures by the owners of version ${version}: ${signed.length} of ${threshold}  ${mark}`,
        ...signed.map(({ fingerprint }) => `    ${pc.green("✔")} ${fingerprint}`),
        ...unsigned.map(({ fingerprint }) => `    – ${fingerprint}`),
      ];
    }),
    // Until version 1 is signed, its bytes, and so its pin, still change.
    ...(draft.next.version === 1 ? ["  The root pin is printed when version 1 is published."] : []),
  ];
}
