/** What a shell offers, asked of real shells that have sourced the script; `ferry` itself is a stand-in that knows names. */
import t from "tap";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bashCompletion } from "../../../controller/cli/completion-bash.ts";
import { fishCompletion } from "../../../controller/cli/completion-fish.ts";
import { completionNodes } from "../../../controller/cli/completion-tree.ts";
import { zshCompletion } from "../../../controller/cli/completion-zsh.ts";
import { createProgram } from "../../../controller/cli/program.ts";
import { quoted, quotedForFish } from "../../../controller/cli/shell-word.ts";

const nodes = completionNodes(createProgram());

const NAMES = `#!/bin/sh
case "$1 $2 $3 $4" in
  "get device -o name" | "get devices -o name") printf 'cam-1\\ncam-2\\n' ;;
  "get group -o name") echo oslo-cameras ;;
  "get bundle -o name") echo digits@1.4.0 ;;
  "get rollout -o name") echo 7 ;;
esac
`;

interface Case {
  readonly line: string;
  readonly offers: readonly string[];
  readonly not?: readonly string[];
}

const cases: readonly Case[] = [
  { line: "ferry rol", offers: ["rollout"], not: ["device"] },
  { line: "ferry device ", offers: ["list", "show", "label"], not: ["rollout", "cam-1"] },
  { line: "ferry device list --sel", offers: ["--selector"], not: ["--output"] },
  { line: "ferry device list -", offers: ["-l", "--selector", "--output", "--help"], not: ["--stages"] },
  { line: "ferry device list -o ", offers: ["table", "wide", "json"], not: ["list"] },
  { line: "ferry device list -o j", offers: ["json", "jsonl"], not: ["yaml"] },
  { line: "ferry device show ", offers: ["cam-1", "cam-2"], not: ["list"] },
  { line: "ferry rollout create dig", offers: ["digits@1.4.0"] },
  { line: "ferry rollout create digits@1.4.0 -l site=oslo --fo", offers: ["--follow"] },
  { line: "ferry rollout create digits@1.4.0 --device c", offers: ["cam-1", "cam-2"] },
  { line: "ferry rollout status ", offers: ["7"] },
  { line: "ferry rollout show ", offers: ["7"] },
  { line: "ferry group delete ", offers: ["oslo-cameras"] },
  { line: "ferry get ", offers: ["device", "group", "bundle", "rollout"] },
  { line: "ferry get devices cam-1 ", offers: ["cam-1", "cam-2"], not: ["digits@1.4.0"] },
  { line: "ferry describe rollout ", offers: ["7"], not: ["cam-1"] },
  { line: "ferry completion ", offers: ["bash", "zsh", "fish"] },
];

function folderWithFerry(directory: string): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "ferry"), NAMES);
  chmodSync(join(directory, "ferry"), 0o755);
  return directory;
}

function holds({ offers, not = [] }: Case, offered: readonly string[]): string[] {
  return [
    ...offers.filter((word) => !offered.includes(word)).map((word) => `${word} is missing`),
    ...not.filter((word) => offered.includes(word)).map((word) => `${word} has no place here`),
  ];
}

t.test("bash offers what fits the place", async (t) => {
  const bin = folderWithFerry(t.testdir());
  const script = join(bin, "ferry.bash");
  writeFileSync(script, bashCompletion(nodes));
  // compopt works only while bash completes by itself.
  const ask = `compopt() { echo "compopt $*"; }; source ${quoted(script)}
    IFS=' ' read -r -a COMP_WORDS <<<"$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _ferry; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const offered = (line: string) =>
    execFileSync("bash", ["--norc", "-c", ask, "bash", line], {
      encoding: "utf8",
      env: { PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    }).split("\n");
  for (const one of cases) t.same(holds(one, offered(one.line)), [], one.line);
  t.match(offered("ferry apply -f "), ["compopt -o default"]);
  t.equal(offered("ferry rollout create --soak ").join(""), "");
  const registered = execFileSync("bash", ["--norc", "-c", `source ${quoted(script)}; complete -p ferry`]);
  t.match(String(registered), "complete -F _ferry ferry");
});

const hasFish = spawnSync("fish", ["--version"]).error === undefined;
t.test("fish offers what fits the place", { skip: hasFish ? false : "fish is not here" }, async (t) => {
  const bin = folderWithFerry(t.testdir());
  const script = join(bin, "ferry.fish");
  writeFileSync(script, fishCompletion(nodes));
  for (const one of cases) {
    const ask = `source ${quotedForFish(script)}; complete -C ${quotedForFish(one.line)}`;
    const answer = execFileSync("fish", ["-c", ask], {
      encoding: "utf8",
      env: { HOME: bin, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    });
    const offered = answer.split("\n").map((line) => line.split("\t", 1).join(""));
    t.same(holds(one, offered), [], one.line);
  }
});

const hasZsh = spawnSync("zsh", ["--version"]).error === undefined;
t.test("zsh offers what fits the place", { skip: hasZsh ? false : "zsh is not here" }, async (t) => {
  const bin = folderWithFerry(t.testdir());
  const script = join(bin, "ferry.zsh");
  writeFileSync(script, zshCompletion(nodes));
  const ask = `compdef() { : }; compadd() { if [[ $1 == -a ]]; then print -l -- \${(P)2}; else print -l -- "$@"; fi }
    _describe() { print -l -- \${offered%%:*} }; _files() { : }; source ${quoted(script)}
    words=(\${(z)1}); [[ $1 == *' ' ]] && words+=(''); CURRENT=\${#words}; _ferry`;
  for (const one of cases) {
    const answer = execFileSync("zsh", ["-f", "-c", ask, "zsh", one.line], {
      encoding: "utf8",
      env: { PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    });
    // zsh itself leaves out what does not begin as the word does.
    const begun = one.line.slice(one.line.lastIndexOf(" ") + 1);
    const offered = answer.split("\n").filter((word) => word.startsWith(begun));
    t.same(holds(one, offered), [], one.line);
  }
});

t.test("every command and option of the program is in each script", async (t) => {
  for (const script of [bashCompletion(nodes), zshCompletion(nodes), fishCompletion(nodes)]) {
    const missing = nodes.flatMap(({ path, options }) => [
      ...(script.includes(`'${path}`) ? [] : [path]),
      ...options.flatMap(({ flags }) => flags.filter((flag) => !script.includes(flag.replace(/^--?/, "")))),
    ]);
    t.same(missing, []);
  }
});

t.test("a description may have quotation marks and backslashes", async (t) => {
  const text = "it's a \\ and a 'word'";
  t.equal(String(execFileSync("bash", ["-c", `printf %s ${quoted(text)}`])), text);
  t.equal(quotedForFish("it's \\"), "'it\\'s \\\\'");
});
