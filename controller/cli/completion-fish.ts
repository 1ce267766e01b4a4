/** For fish. No command of `ferry` runs but to ask for names. */
import { unreachable } from "../../protocol/unreachable.ts";
import { valuedFlags, type CompletedOption, type CompletionNode, type Value } from "./completion-tree.ts";
import { quotedForFish as quoted } from "./shell-word.ts";

export function fishCompletion(nodes: readonly CompletionNode[]): string {
  const paths = nodes.flatMap(({ path, commands }) => commands.map(({ name }) => `${path} ${name}`));
  const valued = valuedFlags(nodes).map(({ after }) => after);
  return `# Completion of ferry for fish. Use it with: ferry completion fish | source

set -g __ferry_paths ${paths.map(quoted).join(" ")}
set -g __ferry_valued ${valued.map(quoted).join(" ")}

# Which command the line has come to, how many arguments it has had, and the first of them.
function __ferry_look
    set -l words (commandline -opc)
    test "$words" = "$__ferry_line"; and return
    set -g __ferry_line $words
    set -g __ferry_place ferry
    set -g __ferry_count 0
    set -g __ferry_kind
    set -l skip no
    for word in $words[2..-1]
        if test $skip = yes
            set skip no
        else if string match -q -- '-*' $word
            contains -- "$__ferry_place $word" $__ferry_valued; and set skip yes
        else if contains -- "$__ferry_place $word" $__ferry_paths
            set -g __ferry_place "$__ferry_place $word"
            set -g __ferry_count 0
        else
            test $__ferry_count = 0; and set -g __ferry_kind $word
            set -g __ferry_count (math $__ferry_count + 1)
        end
    end
end

function __ferry_at
    __ferry_look
    test "$__ferry_place" = "$argv[1]"
end

# The argument of this place among those of its command; \`last\` and a number: this one, and all after it.
function __ferry_argument
    __ferry_at $argv[1]; or return 1
    test $__ferry_count -eq $argv[2]; and return 0
    test "$argv[3]" = last; and test $__ferry_count -gt $argv[2]
end

function __ferry_names
    __ferry_look
    set -l kind $argv[1]
    test $kind = kind; and set kind $__ferry_kind
    ferry get $kind -o name 2>/dev/null
end

complete -c ferry -e
complete -c ferry -f
${nodes.flatMap(linesOf).join("\n")}
`;
}

function linesOf({ path, commands, options, args }: CompletionNode): string[] {
  const at = quoted(`__ferry_at ${quoted(path)}`);
  return [
    ...commands.map(({ name, description }) => {
      const first = quoted(`__ferry_argument ${quoted(path)} 0`);
      return `complete -c ferry -n ${first} -a ${quoted(name)} -d ${quoted(description)}`;
    }),
    ...options.map((option) => `complete -c ferry -n ${at} ${optionText(option)}`),
    ...args.flatMap((value, index) => {
      const last = index === args.length - 1 ? " last" : "";
      const here = quoted(`__ferry_argument ${quoted(path)} ${index}${last}`);
      const offered = offer(value);
      return offered === undefined ? [] : [`complete -c ferry -n ${here} ${offered}`];
    }),
  ];
}

function optionText({ flags, description, value }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const after = value === undefined ? [] : ["-r", offer(value) ?? "-f"];
  return [...names, ...after, `-d ${quoted(description)}`].join(" ");
}

function offer(value: Value): string | undefined {
  switch (value.kind) {
    case "words":
      return `-f -a ${quoted(value.words.join(" "))}`;
    case "names":
      return `-f -a ${quoted(`(__ferry_names ${value.of})`)}`;
    case "file":
      return "-F";
    case "text":
      return undefined;
    default:
      return unreachable(value);
  }
}
