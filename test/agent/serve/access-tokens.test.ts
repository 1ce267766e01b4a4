import t from "tap";
import { accessWith } from "../../../agent/serve/access-tokens.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

const [CALLER, ADMIN] = ["c".repeat(40), "a".repeat(40)];
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`me:${token}`).toString("base64")}` });

const callers: readonly [string, Readonly<Record<string, string>>, boolean][] = [
  ["nothing", {}, false],
  ["the token", bearer(CALLER), true],
  ["the token, as a browser sends a password", basic(CALLER), true],
  ["the administrator's token", bearer(ADMIN), true],
  ["another one", bearer(`${CALLER}c`), false],
  ["an empty one", bearer(""), false],
  ["the token without its scheme", { authorization: CALLER }, false],
  ["a name without a password", { authorization: "Basic bWU=" }, false],
];
for (const [what, headers, isLetIn] of callers) {
  t.test(`a caller who shows ${what} is ${isLetIn ? "let in" : "refused"}`, async (t) => {
    const access = accessWith({ caller: CALLER, admin: ADMIN });
    const act = () => {
      access.checkCaller("/v2/models/digits/infer", headers);
    };
    if (isLetIn) t.doesNotThrow(act);
    else t.throws(act, { status: 401, message: /ferry-agent token/, headers: { "www-authenticate": /Bearer/ } });
  });
}

t.test("without a token everybody is let in; with one, probes are", async (t) => {
  t.doesNotThrow(() => {
    accessWith({}).checkCaller("/v2", {});
  });
  for (const path of ["/healthz", "/v2/health/live", "/v2/health/ready", "/ping", "/health"]) {
    t.doesNotThrow(() => {
      accessWith({ caller: CALLER }).checkCaller(path, {});
    }, path);
  }
});

t.test("with the administrator's token a model is suspended and resumed, and never brought", async (t) => {
  await using agent = await openServingAgent({ tokens: { caller: CALLER, admin: ADMIN } });
  await agent.serve(digitsFolder("1.1.0"));
  const call = async (path: string, headers: Readonly<Record<string, string>>, body?: string) => {
    const response = await fetch(agent.url + path, {
      method: "POST",
      headers,
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, json: await response.json() };
  };
  const repository = "/v2/repository/models/digits";
  t.match(await call(`${repository}/unload`, {}), { status: 401 });
  t.match(await call(`${repository}/unload`, bearer(CALLER)), { status: 401, json: { error: /another one/ } });
  t.match(await call(`${repository}/unload`, basic(ADMIN)), { status: 401, json: { error: /no token/ } });
  t.match(await call("/v2/repository/models/cats/unload", bearer(ADMIN)), { status: 404 });

  t.match(await call(`${repository}/unload`, bearer(ADMIN)), { status: 200 });
  t.match(await call("/predict/digits", bearer(CALLER), "[]"), { status: 404, json: { error: /unknown model/ } });
  t.match(await call("/v2/repository/index", bearer(CALLER)), {
    json: [{ name: "digits", state: "UNAVAILABLE", reason: /suspended/ }],
  });
  t.same((await call("/v2/repository/index", bearer(CALLER), '{"ready": true}')).json, []);
  t.equal((await fetch(`${agent.url}/healthz`)).status, 200, "a wish is no illness");

  const bytes = JSON.stringify({ parameters: { config: "{}", "file:1/model.onnx": "AAAA" } });
  t.match(await call(`${repository}/load`, bearer(ADMIN), bytes), {
    status: 403,
    json: { error: /Only signed bundles/ },
  });
  t.match(await call(`${repository}/load`, bearer(ADMIN), " ".repeat(70_000)), { status: 403 });
  t.match(await call(`${repository}/load`, bearer(ADMIN), "{}"), { status: 200 });
  t.match(await call("/v2/repository/index", bearer(CALLER)), { json: [{ name: "digits", state: "READY" }] });
});

t.test("where there is no administrator's token, nobody suspends a model", async (t) => {
  await using agent = await openServingAgent();
  const response = await fetch(`${agent.url}/v2/repository/models/digits/unload`, { method: "POST" });
  t.match([response.status, await response.json()], [403, { error: /`ferry-agent token --admin --create` makes one/ }]);
});
