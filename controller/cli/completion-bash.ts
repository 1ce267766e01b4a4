/** For bash. No command of `ferry` runs but to ask for names. */
import { unreachable } from "../../protocol/unreachable.ts";
import { valuedFlags, type CompletionNode, type Value } from "./completion-tree.ts";
import { quoted } from "./shell-word.ts";

export function bashCompletion(nodes: readonly CompletionNode[]): string {
  const paths = nodes.flatMap(({ path, commands }) => commands.map(({ name }) => `${path} ${name}`));
  const valued = valuedFlags(nodes);
  return `# Completion of ferry for bash. Use it with: source <(ferry completion bash)

_ferry_names() {
  "\${COMP_WORDS[0]}" get "$1" -o name 2>/dev/null
}

# Breaks at @ would cut digits@1.4.0 in three.
COMP_WORDBREAKS=\${COMP_WORDBREAKS//@/}

_ferry_words() {
  COMPREPLY=($(compgen -W "$1" -- "\${COMP_WORDS[COMP_CWORD]}"))
}

_ferry() {
  local cur=\${COMP_WORDS[COMP_CWORD]} place=ferry after= kind= word i
  local -i count=0
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
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
        [[ $count == 0 ]] && kind=$word
        count+=1
        ;;
    esac
  done
  if [[ -n $after ]]; then
    case "$after" in
${valueCases(valued.map(({ after, value }) => ({ pattern: quoted(after), value })))}
    esac
  elif [[ $cur == -* ]]; then
    case "$place" in
${nodes.map(({ path, options }) => `      ${quoted(path)}) _ferry_words ${quoted(options.flatMap(({ flags }) => flags).join(" "))} ;;`).join("\n")}
    esac
  else
    case "$place:$count" in
${nodes.flatMap(commandCase).join("\n")}
${valueCases(nodes.flatMap(argumentCases))}
    esac
  fi
}

complete -F _ferry ferry
`;
}

function commandCase({ path, commands }: CompletionNode): string[] {
  if (commands.length === 0) return [];
  return [`      ${quoted(`${path}:0`)}) _ferry_words ${quoted(commands.map(({ name }) => name).join(" "))} ;;`];
}

interface ValueCase {
  readonly pattern: string;
  readonly value: Value;
}

/** The last argument goes on for ever: the shell offers nothing wrong where it may not. */
function argumentCases({ path, args }: CompletionNode): ValueCase[] {
  return args.map((value, at) => ({
    pattern: at === args.length - 1 ? `${quoted(`${path}:`)}*` : quoted(`${path}:${at}`),
    value,
  }));
}

function valueCases(cases: readonly ValueCase[]): string {
  return cases
    .flatMap(({ pattern, value }) => {
      const action = actionFor(value);
      return action === undefined ? [] : [`      ${pattern}) ${action} ;;`];
    })
    .join("\n");
}

function actionFor(value: Value): string | undefined {
  switch (value.kind) {
    case "words":
      return `_ferry_words ${quoted(value.words.join(" "))}`;
    case "names":
      return `_ferry_words "$(_ferry_names ${value.of === "kind" ? '"$kind"' : value.of})"`;
    // The shell's own: it knows directories, spaces and tildes.
    case "file":
      return "compopt -o default";
    case "text":
      return undefined;
    default:
      return unreachable(value);
  }
}

function alternatives(texts: readonly string[]): string {
  return texts.map(quoted).join(" | ");
}
