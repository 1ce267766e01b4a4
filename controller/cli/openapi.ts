import type { Command } from "commander";
import { withExamples } from "./context.ts";
import { print } from "./output.ts";

export function addOpenApiCommand(program: Command): void {
  const command = program
    .command("openapi")
    .description("the OpenAPI 3.1 document of the controller's HTTP API")
    .action(async () => {
      const { openApiDocument } = await import("../http/http-server.ts");
      print(JSON.stringify(await openApiDocument(), undefined, 2));
    });
  withExamples(command, "ferry openapi > modelferry.openapi.json");
}
