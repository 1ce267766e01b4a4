/** The agent's pages and what they offer to copy: each example is run as a person pastes it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Compile } from "typebox/compile";
import t from "tap";
import { digitsFolder, writeEcho, writeOcrAngle, writeSilero } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

const runFile = promisify(execFile);
const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
const { url } = agent;
const folder = t.testdir();
await agent.serve(digitsFolder("1.1.0"));
await agent.serve(await writeEcho(`${folder}/echo`));
await agent.serve(await writeSilero(`${folder}/silero`, 5));
await agent.serve(await writeOcrAngle(`${folder}/angle`));
const MODELS = ["digits", "echo", "silero", "ocr-angle"];

const page = (path: string) => fetch(url + path, { headers: { accept: "text/html,*/*" } });

t.test("the front page shows each model, its evidence and a form with values that mean something", async (t) => {
  const text = await (await page("/")).text();
  for (const model of MODELS) t.match(text, `aria-labelledby="model-${model}"`);
  t.match(text, /20 of 20 golden cases passed on this device/);
  const body = unescape(/<textarea[^>]*>(.*?)<\/textarea>/s.exec(text)?.[1] ?? "");
  const answer = await fetch(`${url}/predict/digits`, { method: "POST", body });
  t.match(await answer.json(), { model: "digits", top: [{ score: Number }] });
});

t.test("nothing comes from anywhere else, and nothing in a page runs but its own script", async (t) => {
  for (const path of ["/", "/v2/models/digits/docs", "/assets/page.js", "/assets/page.css"]) {
    const response = await page(path);
    t.equal(response.status, 200, path);
    t.match(
      response.headers.get("content-security-policy"),
      /^default-src 'none'; style-src 'self'; script-src 'self'/,
    );
    t.equal(response.headers.get("x-content-type-options"), "nosniff");
    const text = await response.text();
    t.notMatch(text, /(src|href)="(https?:)?\/\//, `${path} loads nothing from outside`);
    t.notMatch(text, / style="| on[a-z]+="|<script>/, `${path} has nothing inline`);
  }
});

t.test("programs get JSON of the same addresses, and the figures that the page watches", async (t) => {
  t.match(await (await fetch(url)).json(), { program: "modelferry agent", models: [{ slot: "digits" }] });
  t.match(await (await fetch(`${url}/figures`)).json(), { slots: { digits: { requestsPerSecond: Number } } });
  t.match(await (await fetch(`${url}/v2/models/cats/docs`)).json(), { error: /unknown model/ });
});

for (const model of MODELS) {
  t.test(`what the guide of ${model} offers to copy works as it is`, async (t) => {
    const text = await (await page(`/v2/models/${model}/docs`)).text();
    const examples = [...text.matchAll(/<pre id="example-\d" tabindex="0" aria-label="([^"]*)"[^>]*>(.*?)<\/pre/gs)];
    t.ok(examples.length >= 2);
    for (const [, title = "", code = ""] of examples) {
      const command = unescape(code);
      const isShell = title.startsWith("curl");
      const { stdout } = await runFile(isShell ? "bash" : "python3", ["-c", command], { cwd: folder });
      t.match(stdout, title.includes("in a file") ? "" : /outputs|\[/, title);
      t.notMatch(stdout, /"error"/, title);
    }
  });
}

interface OpenApi {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
interface Content {
  readonly description: string;
  readonly content: { readonly "application/json": { readonly schema: object } };
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

t.test("each model's OpenAPI is whole, and its schemas hold what really goes and comes", async (t) => {
  for (const model of MODELS) {
    const document = (await (await fetch(`${url}/v2/models/${model}/docs`)).json()) as OpenApi;
    t.match(document, { openapi: "3.1.0", info: { title: String, version: String }, servers: [{ url }] });
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
    );
    t.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length, "ids are unique");
    for (const { path, method, summary, requestBody, responses } of operations) {
      t.match(path, /^\/[\w./:-]+$/);
      t.equal(requestBody !== undefined, method === "post");
      t.ok(summary.length > 10 && "200" in responses && "404" in responses, path);
      for (const [status, { description, content }] of Object.entries(responses)) {
        t.match(status, /^[245]\d\d$/);
        t.ok(description.length > 0);
        Compile(content["application/json"].schema);
      }
    }
  }

  const pixels = Array.from({ length: 64 }, () => 1);
  const document = (await (await fetch(`${url}/v2/models/digits/docs`)).json()) as OpenApi;
  const requests: readonly [string, unknown, boolean][] = [
    ["/predict/digits", { inputs: { pixels: [pixels] } }, true],
    ["/predict/digits", [pixels], true],
    ["/predict/digits", { inputs: { pixels: [pixels.slice(1)] } }, false],
    ["/predict/digits", { inputs: {} }, false],
    ["/v2/models/digits/infer", { inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: pixels }] }, true],
    [
      "/v2/models/digits/infer",
      { inputs: [{ name: "pixels", datatype: "FP64", shape: [1, 64], data: pixels }] },
      false,
    ],
  ];
  for (const [path, body, isRight] of requests) {
    const operation = document.paths[path]?.["post"];
    const [asked, told] = [operation?.requestBody, operation?.responses["200"]];
    if (asked === undefined || told === undefined) throw new Error(`${path} is not described`);
    t.equal(Compile(asked.content["application/json"].schema).Check(body), isRight, `${path} ${JSON.stringify(body)}`);
    const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
    t.equal(response.ok, isRight);
    if (isRight) t.ok(Compile(told.content["application/json"].schema).Check(await response.json()), "and the answer");
  }
});

function unescape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
  };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => entities[entity] ?? entity);
}
