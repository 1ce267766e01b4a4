/** What a shell can offer after each command, read from the program itself. */
import type { Command, Option } from "commander";

/** Names that only the controller knows. */
export type NameKind = "device" | "group" | "bundle" | "rollout";

export interface CompletedOption {
  /** `-o` and `--output`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What may follow it; undefined where nothing does. */
  readonly value: Value | undefined;
}

export type Value =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" }
  /** `kind`: of whatever kind the first argument says. */
  | { readonly kind: "names"; readonly of: NameKind | "kind" }
  /** Anything: there is nothing to offer. */
  | { readonly kind: "text" };

export interface CompletionNode {
  /** From the program's name on: `ferry device list`. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** One for each argument; the last one may be repeated. */
  readonly args: readonly Value[];
}

/** The program's own node first, then each command with those below it. */
export function completionNodes(command: Command, above = ""): readonly CompletionNode[] {
  const path = above === "" ? command.name() : `${above} ${command.name()}`;
  const node: CompletionNode = {
    path,
    commands: command.commands.flatMap((one) =>
      [one.name(), ...one.aliases()].map((name) => ({ name, description: one.description() })),
    ),
    options: [...command.options.map(completedOption), HELP],
    args: command.registeredArguments.map((argument) => argumentValue(argument.name(), path)),
  };
  return [node, ...command.commands.flatMap((one) => aliasNodes(one, path))];
}

const HELP: CompletedOption = { flags: ["--help"], description: "what is possible", value: undefined };

function aliasNodes(command: Command, above: string): readonly CompletionNode[] {
  const nodes = completionNodes(command, above);
  const path = `${above} ${command.name()}`;
  return [
    ...nodes,
    ...command
      .aliases()
      .flatMap((alias) => nodes.map((node) => ({ ...node, path: `${above} ${alias}${node.path.slice(path.length)}` }))),
  ];
}

function completedOption(option: Option): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const takesValue = option.required || option.optional;
  return { flags, description: option.description, value: takesValue ? optionValue(option) : undefined };
}

function optionValue(option: Option): Value {
  if (option.argChoices !== undefined) return { kind: "words", words: option.argChoices };
  const name = /[<[]([a-z-]+)/.exec(option.flags)?.[1] ?? "";
  if (FILES.has(name)) return { kind: "file" };
  return option.long === "--device" ? { kind: "names", of: "device" } : { kind: "text" };
}

/** What commands call the paths that they take. */
const FILES: ReadonlySet<string> = new Set(["file", "dir", "directory", "path", "bundle", "folder"]);

function argumentValue(name: string, path: string): Value {
  if (name === "kind") return { kind: "words", words: ["device", "group", "bundle", "rollout"] };
  if (name === "names" || (name === "name" && path === "ferry describe")) return { kind: "names", of: "kind" };
  if (name === "shell") return { kind: "words", words: ["bash", "zsh", "fish"] };
  if (name === "device" || name === "group") return { kind: "names", of: name };
  if (name === "name@version") return { kind: "names", of: "bundle" };
  if (name === "id" && (path.startsWith("ferry rollout ") || path === "ferry report rollout")) {
    return { kind: "names", of: "rollout" };
  }
  return FILES.has(name) ? { kind: "file" } : { kind: "text" };
}

/** `ferry device list --selector`, with what may follow it. */
export interface ValuedFlag {
  readonly after: string;
  readonly value: Value;
}

export function valuedFlags(nodes: readonly CompletionNode[]): readonly ValuedFlag[] {
  return nodes.flatMap(({ path, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : flags.map((flag) => ({ after: `${path} ${flag}`, value })),
    ),
  );
}
