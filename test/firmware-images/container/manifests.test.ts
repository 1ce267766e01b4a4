/** What the compose file and the Kubernetes manifests ask of the programs, held against the programs. */
import t from "tap";
import { readFileSync } from "node:fs";
import { parse, parseAllDocuments } from "yaml";
import { createProgram } from "../../../controller/cli/program.ts";

interface Start {
  readonly image: string;
  readonly command: readonly string[];
}

interface Container {
  readonly image: string;
  readonly args?: readonly string[];
}

interface Workload {
  readonly spec?: {
    readonly template?: {
      readonly spec: { readonly containers: readonly Container[]; readonly initContainers: readonly Container[] };
    };
  };
}

const read = (file: string) => readFileSync(`firmware-images/container/${file}`, "utf8");

function composeStarts(): Start[] {
  const { services } = parse(read("compose.yaml")) as {
    readonly services: Readonly<Record<string, { readonly image: string; readonly command?: readonly string[] }>>;
  };
  return Object.values(services).map(({ image, command = [] }) => ({ image, command }));
}

function kubernetesStarts(): Start[] {
  return parseAllDocuments(read("kubernetes.yaml")).flatMap((document) => {
    t.same(document.errors, []);
    const pod = (document.toJS() as Workload).spec?.template?.spec;
    const containers = pod === undefined ? [] : [...pod.initContainers, ...pod.containers];
    return containers.map(({ image, args = [] }) => ({ image, command: args }));
  });
}

const starts = [...composeStarts(), ...kubernetesStarts()].filter(({ image }) => image.startsWith("modelferry-"));

t.test("the images are those that the recipe makes", async (t) => {
  const recipe = read("build");
  t.equal(starts.length, 7);
  for (const { image } of starts) t.match(recipe, new RegExp(`^  image ferry\\S* ${image} `, "m"));
});

for (const { image, command } of starts) {
  const [name, ...rest] = command;
  if (name === undefined) continue;
  const options = rest.filter((word) => word.startsWith("--")).map((word) => word.replace(/=.*$/, ""));
  t.test(`${image} knows ${name} ${options.join(" ")}`, async (t) => {
    if (image === "modelferry-controller") {
      const known = createProgram().commands.find((one) => one.name() === name);
      t.ok(known);
      for (const option of options)
        t.ok(
          known?.options.some(({ long }) => long === option),
          option,
        );
    } else {
      const agent = readFileSync("agent/main.ts", "utf8");
      for (const word of [`.command("${name}")`, ...options.map((option) => `"${option}`)])
        t.ok(agent.includes(word), word);
    }
  });
}
