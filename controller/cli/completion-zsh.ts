/** For zsh. No command of `ferry` runs but to ask for names. */
import { unreachable } from "../../protocol/unreachable.ts";
import { valuedFlags, type CompletionNode, type Value } from "./completion-tree.ts";
import { quoted } from "./shell-word.ts";

export function zshCompletion(nodes: readonly CompletionNode[]): string {
  const paths = nodes.flatMap(({ path, commands }) => commands.map(({ name }) => `${path} ${name}`));
  const valued = valuedFlags(nodes);
  return `#compdef ferry
# Completion of ferry for zsh. Use it with: source <(ferry completion zsh)

_ferry_names() {
  local -a names
  names=(\${(f)"$(\${words[1]} get $1 -o name 2>/dev/null)"})
  compadd -a names
}

_ferry() {
  local place=ferry after= kind= word
  local -a offered
  integer count=0 i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $after ]]; then
      after=
      continue
    fi
    if [[ $word == -* ]]; then
      case "$place $word" in
        ${alternatives(valued.map(({ after }) => after))}) after="$place $word" ;;
      esac
      continue
    fi
    case "$place $word" in
      ${alternatives(paths)})
        place="$place $word"
        count=0
        ;;
      *)
        ((count == 0)) && kind=$word
        ((count += 1))
        ;;
    esac
  done
  if [[ -n $after ]]; then
    case "$after" in
${valued.flatMap(({ after, value }) => valueCase(quoted(after), value)).join("\n")}
    esac
  elif [[ \${words[CURRENT]} == -* ]]; then
    case "$place" in
${nodes.map(optionsCase).join("\n")}
    esac
    _describe -o option offered
  else
    case "$place:$count" in
${nodes.flatMap(commandCase).join("\n")}
${nodes.flatMap(argumentCases).join("\n")}
    esac
  fi
}

if [[ $funcstack[1] == _ferry ]]; then
  _ferry "$@"
else
  compdef _ferry ferry
fi
`;
}

function optionsCase({ path, options }: CompletionNode): string {
  const offered = options.flatMap(({ flags, description }) => flags.map((flag) => described(flag, description)));
  return `      ${quoted(path)}) offered=(${offered.join(" ")}) ;;`;
}

function commandCase({ path, commands }: CompletionNode): string[] {
  if (commands.length === 0) return [];
  const offered = commands.map(({ name, description }) => described(name, description));
  return [`      ${quoted(`${path}:0`)}) offered=(${offered.join(" ")}); _describe command offered ;;`];
}

function argumentCases({ path, args }: CompletionNode): string[] {
  return args.flatMap((value, at) =>
    valueCase(at === args.length - 1 ? `${quoted(`${path}:`)}*` : quoted(`${path}:${at}`), value),
  );
}

function valueCase(pattern: string, value: Value): string[] {
  switch (value.kind) {
    case "words":
      return [`      ${pattern}) compadd ${value.words.map(quoted).join(" ")} ;;`];
    case "names":
      return [`      ${pattern}) _ferry_names ${value.of === "kind" ? '"$kind"' : value.of} ;;`];
    case "file":
      return [`      ${pattern}) _files ;;`];
    case "text":
      return [];
    default:
      return unreachable(value);
  }
}

/** A colon ends the word and begins its description. */
function described(word: string, description: string): string {
  return quoted(`${word}:${description}`);
}

function alternatives(texts: readonly string[]): string {
  return texts.map(quoted).join(" | ");
}
