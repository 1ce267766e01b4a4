/** Who may use which route: every route against every role, over real HTTP. */
import t from "tap";
import { join } from "node:path";
import type { DeviceId } from "../../../protocol/ids.ts";
import { createClient } from "../../../controller/http/client.ts";
import { openApiDocument } from "../../../controller/http/http-server.ts";
import type { RouteShape } from "../../../controller/http/route.ts";
import { ROUTES } from "../../../controller/http/routes.ts";
import { readLocalToken } from "../../../controller/operators/local-operator.ts";
import {
  mayDo,
  OPERATOR_ROLES,
  rolesOf,
  roleText,
  type RouteRole,
} from "../../../controller/operators/operator-role.ts";
import { newToken } from "../../../controller/operators/operator-token.ts";
import { openTestController } from "../../support/controller-api.ts";

const shapes = Object.entries<RouteShape>(ROUTES);

/** Nothing that exists: what may pass ends as 400 or 404, what may not as 401 or 403. */
function pathOf({ path }: RouteShape): string {
  return path.replaceAll(/:id/g, "999").replaceAll(/:[a-z]+/gi, "nothing");
}

function ask(url: string, shape: Pick<RouteShape, "method">, path: string, token?: string): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(url + path, { method: shape.method, headers });
}

t.test("what changes the fleet is never for anyone or for viewers, and is audited", async (t) => {
  // They ask: nothing of the fleet is another afterwards.
  const changesNothing = new Set(["planRollout", "planExperiment", "predict"]);
  for (const [name, { method, role, changes }] of shapes) {
    t.equal(
      changes === true,
      method !== "GET" && !changesNothing.has(name),
      `${name} is audited if it changes something`,
    );
    if (changes === true) t.notOk(role === "anyone" || mayDo("viewer", role), name);
  }
  t.same(
    shapes.filter(([, { role }]) => role === "anyone").map(([name]) => name),
    ["getHealth"],
  );
});

t.test("each route lets in those whom its role names", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const { client, httpUrl } = controller;
  const tokens = new Map<string, string>();
  for (const role of OPERATOR_ROLES) {
    const { token } = await client.addOperator({ body: { name: `the-${role}`, role } });
    tokens.set(role, token);
  }
  const metrics: [string, { method: "GET"; role: RouteRole; path: string }] = [
    "metrics",
    { method: "GET", role: "viewer", path: "/metrics" },
  ];
  for (const [name, shape] of [...shapes, metrics]) {
    const path = pathOf(shape as RouteShape);
    for (const role of OPERATOR_ROLES) {
      const response = await ask(httpUrl, shape, path, tokens.get(role));
      await response.body?.cancel();
      const isAllowed = shape.role === "anyone" || mayDo(role, shape.role);
      t.equal(response.status !== 401 && response.status !== 403, isAllowed, `${name} for ${role}: ${response.status}`);
    }
  }
  const health = await ask(httpUrl, { method: "GET" }, "/api/v1/health");
  t.same(await health.json(), { status: "ok" }, "without a token: whether it works, and nothing else");
});

t.test("the OpenAPI document says which role each route needs", async (t) => {
  const document = (await openApiDocument()) as {
    components: { securitySchemes: object };
    paths: Record<string, Record<string, { operationId: string; security: object[]; description: string }>>;
  };
  t.match(document.components.securitySchemes, { operatorToken: { type: "http", scheme: "bearer" } });
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  for (const { operationId, security, description } of operations) {
    const { role }: RouteShape = ROUTES[operationId as keyof typeof ROUTES];
    if (role === "anyone") {
      t.same(security, [], operationId);
      continue;
    }
    t.same(
      security,
      rolesOf(role).map((one) => ({ operatorToken: [one] })),
      operationId,
    );
    t.match(description, roleText(role));
  }
});

t.test("who is not let in", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const { client, httpUrl, paths } = controller;
  const status = (token?: string) => ask(httpUrl, { method: "GET" }, "/api/v1/status", token);

  await t.test("is told what to do, by code", async (t) => {
    const none = await status();
    t.equal(none.status, 401);
    t.equal(none.headers.get("www-authenticate"), "Bearer");
    t.match(await none.json(), { code: "unauthenticated", hint: /ferry login/ });
    await t.rejects(createClient(httpUrl).getStatus({}), { code: "unauthenticated", exitCode: 4 });
    const { token } = await client.addOperator({ body: { name: "eve", role: "viewer" } });
    const labels = { params: { device: "cam-1" as DeviceId }, body: { labels: {} } };
    await t.rejects(createClient(httpUrl, { token }).labelDevice(labels), { code: "not-allowed", exitCode: 4 });
    await client.removeOperator({ params: { name: "eve" } });
    await t.rejects(createClient(httpUrl, { token }).getStatus({}), { code: "unauthenticated" }, "a removed operator");
  });

  await t.test("is told to wait after too many failures, while valid tokens are answered", async (t) => {
    const answers = [];
    for (let count = 0; count < 15; count += 1) {
      const response = await status(newToken());
      answers.push(response.status);
      if (response.status === 429) t.match(Number(response.headers.get("retry-after")), Number);
      await response.body?.cancel();
    }
    t.same(new Set(answers), new Set([401, 429]));
    t.equal(answers.at(-1), 429);
    t.equal((await status(readLocalToken(paths.operatorToken))).status, 200);
  });

  await t.test("stands in the audit log, a bounded number of times", async (t) => {
    const { entries } = await client.listAudit({ query: { limit: 1_000 } });
    t.match(
      entries.find(({ actor }) => actor === "eve"),
      { action: "labelDevice", outcome: "denied", detail: /needs operator, is viewer/ },
    );
    const unknown = entries.filter(({ actor }) => actor === "(nobody)");
    t.equal(unknown.length, 10);
    t.match(unknown.at(-1), { action: "getStatus", outcome: "denied", detail: /unknown token, from 127\.0\.0\.1/ });
  });
});

t.test("a change stands in the audit log once: done, failed, or without effect", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const { client } = controller;
  await client.addOperator({ body: { name: "kari", role: "viewer" } });
  await t.rejects(client.addOperator({ body: { name: "kari", role: "viewer" } }), { code: "exists" });
  await client.rotateOperator({ params: { name: "kari" } });
  await t.rejects(client.removeOperator({ params: { name: "local" } }), { code: "last-admin" });
  const { entries } = await client.listAudit({ query: { limit: 100 } });
  t.match(
    entries.map(({ actor, action, target, outcome, detail }) => [actor, action, target, outcome, detail]),
    [
      ["(system)", "addOperator", "local", "done", String],
      ["local", "addOperator", "kari", "done", "as viewer"],
      ["local", "addOperator", null, "failed", "exists"],
      ["local", "rotateOperator", "kari", "done", null],
      ["local", "removeOperator", "local", "failed", "last-admin"],
    ],
  );
});
