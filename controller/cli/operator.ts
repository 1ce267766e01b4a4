import { Option, type Command } from "commander";
import pc from "picocolors";
import { controllerPaths } from "../config.ts";
import type { Operator } from "../http/operator-routes.ts";
import { readLocalToken, writeLocalToken } from "../operators/local-operator.ts";
import { OPERATOR_ROLES, type OperatorRole } from "../operators/operator-role.ts";
import {
  clientOf,
  controllerUrl,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { loginAt, storeLogin, tokenFor } from "./credentials.ts";
import { instant } from "./human.ts";
import { print, printListing, printOne, say, type Column } from "./output.ts";

type Options = RemoteOptions & OutputOptions;

export function addOperatorCommands(program: Command): void {
  const operator = program.command("operator").description("who may use the controller, and in which role");
  const add = operator
    .command("add <name>")
    .description("add an operator; shows the token, this once")
    .addOption(new Option("--role <role>", "what they may do").choices(OPERATOR_ROLES).makeOptionMandatory())
    .action(addOperator);
  withExamples(
    withOutput(withController(add)),
    "ferry operator add kari --role operator",
    "ferry operator add prometheus --role viewer -o name > prometheus.token",
  );
  const list = operator.command("list").description("the operators and their roles").action(listOperators);
  withExamples(withOutput(withController(list)), "ferry operator list");
  const rotate = operator
    .command("rotate <name>")
    .description("exchange an operator's token; shows the new one, this once")
    .action(rotateOperator);
  withExamples(withOutput(withController(rotate)), "ferry operator rotate kari");
  const remove = operator
    .command("remove <name>")
    .description("remove an operator: the token is worth nothing from then on")
    .action(removeOperator);
  withExamples(withController(remove), "ferry operator remove kari");
}

async function addOperator(name: string, options: Options & { readonly role: OperatorRole }): Promise<void> {
  const issued = await clientOf(options).addOperator({ body: { name, role: options.role } });
  showIssued(issued, options);
}

interface Issued {
  readonly operator: Operator;
  readonly token: string;
}

function showIssued(issued: Issued, options: Options): void {
  const { operator, token } = issued;
  printOne(
    issued,
    formatOf(options),
    () => `${pc.green("✔")} ${pc.bold(operator.name)} (${operator.role})\n${token}`,
    token,
  );
  say("The token is shown this once: give it on by a way that nobody else reads.");
  say(`next, on their machine: ferry login --controller ${controllerUrl(options).origin}`);
}

async function listOperators(options: Options): Promise<void> {
  const { operators } = await clientOf(options).listOperators({});
  const whenEmpty = "There is no operator.";
  printListing({ rows: operators, columns: COLUMNS, name: ({ name }) => name, whenEmpty }, formatOf(options));
}

const COLUMNS: readonly Column<Operator>[] = [
  { title: "OPERATOR", text: ({ name }) => name },
  { title: "ROLE", text: ({ role }) => role },
  { title: "SINCE", text: ({ createdMs }) => instant(createdMs) },
  { title: "TOKEN FROM", text: ({ tokenMs }) => instant(tokenMs) },
];

/** Where the token that was used for this is stored here, the new one takes its place. */
async function rotateOperator(name: string, options: Options): Promise<void> {
  const client = clientOf(options);
  const url = controllerUrl(options);
  const used = tokenFor(url);
  const { name: self } = await client.whoAmI({});
  const issued = await client.rotateOperator({ params: { name } });
  if (self === name) {
    const login = loginAt(url);
    const home = controllerPaths(undefined).operatorToken;
    if (login !== undefined && login.token === used) storeLogin(url, { ...login, token: issued.token });
    else if (readLocalToken(home) === used) writeLocalToken(home, issued.token);
  }
  showIssued(issued, options);
}

async function removeOperator(name: string, options: RemoteOptions): Promise<void> {
  const { role } = await clientOf(options).removeOperator({ params: { name } });
  print(`${pc.green("✔")} ${pc.bold(name)} (${role}) is removed`);
}
