/** The API as a program meets it: over real HTTP, with the database behind it. */
import t from "tap";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { FerryError } from "../../../common/ferry-error.ts";
import { createClient } from "../../../controller/http/client.ts";
import { openApiDocument } from "../../../controller/http/http-server.ts";
import { readLocalToken } from "../../../controller/operators/local-operator.ts";
import { ROUTES } from "../../../controller/http/routes.ts";
import type { DeviceId, ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { collect, signedDigits } from "../../support/bundles.ts";
import { openTestController } from "../../support/controller-api.ts";
import { openHandDevice } from "../../support/hand-device.ts";
import { newSigner } from "../../support/keys.ts";
import { freePorts } from "../../support/programs.ts";
import { until } from "../../support/until.ts";

const name = "digits" as ModelName;
const version = "1.0.0" as ModelVersion;
const nobody = "nobody" as DeviceId;

t.test("the API", async (t) => {
  const directory = t.testdir();
  await using controller = await openTestController(join(directory, "home"));
  const { client, httpUrl, paths } = controller;
  const authorization = `Bearer ${readLocalToken(paths.operatorToken) ?? ""}`;

  await t.test("what is not there is 404, with what to do", async (t) => {
    const missing: readonly (() => Promise<unknown>)[] = [
      () => client.getDevice({ params: { device: nobody } }),
      () => client.labelDevice({ params: { device: nobody }, body: { labels: { a: "b" } } }),
      () => client.getBundle({ params: { name, version } }),
      () => client.downloadBundle({ params: { name, version } }),
      () => client.getRollout({ params: { id: 7 }, query: { devices: 100 } }),
      () => client.createRollout({ body: { model: name, version, selector: "" } }),
    ];
    for (const ask of missing) await t.rejects(ask(), { code: "not-found", exitCode: 3, hint: /ferry/ });
  });

  await t.test("a request that does not fit its schema is 400, with the place", async (t) => {
    const cases: readonly { path: string; body?: unknown; says: RegExp }[] = [
      { path: "/api/v1/devices/Not_An_Id", says: /params\.device/ },
      { path: "/api/v1/events?limit=0", says: /querystring\.limit/ },
      { path: "/api/v1/events?limit=many", says: /querystring\.limit/ },
      { path: "/api/v1/devices?selector=a%20b", says: /character 3/ },
      { path: "/api/v1/rollouts", body: { model: "digits" }, says: /body.*version/ },
      { path: "/api/v1/rollouts", body: { model: "digits", version: "1", typo: 1 }, says: /body/ },
      { path: "/api/v1/rollouts", body: "{", says: /JSON/ },
    ];
    for (const { path, body, says } of cases) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const headers = { authorization, "content-type": "application/json" };
      const init = body === undefined ? { headers: { authorization } } : { method: "POST", body: text, headers };
      const response = await fetch(httpUrl + path, init);
      t.equal(response.status, 400, path);
      t.match(await response.json(), { message: says }, path);
    }
  });

  await t.test("a route that is not there names where the routes are", async (t) => {
    const response = await fetch(`${httpUrl}/api/v1/nothing`);
    t.equal(response.status, 404);
    t.match(await response.json(), { code: "no-such-route", hint: /openapi\.json/ });
  });

  await t.test("a page under a name of its own does not reach it", async (t) => {
    const status = await new Promise((resolve, reject) => {
      const asked = request(`${httpUrl}/api/v1/health`, { headers: { host: "attacker.example" } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on("error", reject).end();
    });
    t.equal(status, 403);
  });

  await t.test("a bundle goes up and comes down byte for byte, as streams", async (t) => {
    const { archive, statement } = await signedDigits(join(directory, "digits"), controller.publisher);
    t.match(await client.pushBundle({ body: Readable.from([archive]) }), { outcome: "added", bundle: { statement } });
    t.ok((await collect(await client.downloadBundle({ params: { name, version } }))).equals(archive));
    t.match(await client.listBundles({ query: { name } }), {
      bundles: [{ version, model: { inputs: [{ name: "pixels" }] } }],
    });
    t.same(await client.listBundles({ query: { name: "other" as ModelName } }), { bundles: [] });
  });

  await t.test(
    "what the publisher did not sign stays out, and so does another bundle of a taken version",
    async (t) => {
      const strange = await signedDigits(join(directory, "strange"), newSigner());
      await t.rejects(client.pushBundle({ body: Readable.from([strange.archive]) }), {
        code: "publisher-signature",
        exitCode: 4,
      });
      await t.rejects(client.pushBundle({ body: Readable.from([Buffer.from("no archive")]) }), {
        code: "archive-malformed",
      });
      t.equal((await client.listBundles({ query: {} })).bundles.length, 1);
    },
  );

  await t.test("a file that cannot be read to its end is told as that, and nothing of it stays", async (t) => {
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.alloc(1_000));
      throw new FerryError("file-changed", "model.onnx changed while it was being read");
    }
    await t.rejects(client.pushBundle({ body: Readable.from(breaking()) }), { code: "file-changed" });
    await until("the shelf is as before", () => readdirSync(controller.paths.bundles).length === 2);
  });

  await t.test("a device's labels can be set, taken away, and selected by", async (t) => {
    await using device = await openHandDevice(controller.brokerUrl, controller.fleet, "cam-1");
    await device.say("online");
    await device.introduce();
    const list = (selector: string) => client.listDevices({ query: { selector } });
    await until("it is listed", async () => (await list("site=oslo")).devices.length === 1);
    const params = { device: "cam-1" as DeviceId };
    t.match(await client.labelDevice({ params, body: { labels: { tier: "gold", site: "bergen" } } }), {
      labels: { site: "bergen", tier: "gold" },
    });
    t.equal((await list("site=oslo")).devices.length, 0);
    t.equal((await list("tier in (gold, silver)")).devices.length, 1);
    await client.labelDevice({ params, body: { labels: { site: null } } });
    t.equal((await list("site=oslo")).devices.length, 1);
  });

  await t.test("a plan changes nothing, and says why a device is left out", async (t) => {
    const plan = await client.planRollout({ body: { model: name, version, selector: "" } });
    t.match(plan, { model: "digits", devices: [{ device: "cam-1", action: "install", obstacles: [] }] });
    t.same(await client.listRollouts({ query: { limit: 10 } }), { rollouts: [] });
    await t.rejects(client.planRollout({ body: { model: name, version, devices: [nobody] } }), { code: "not-found" });
    await t.rejects(client.planRollout({ body: { model: name, version, selector: "site=rome" } }), {
      code: "not-found",
    });
  });

  await t.test("report, accounting, transfers and figures answer from the start", async (t) => {
    t.match(await client.fleetReport({ query: { windowSeconds: 60 } }), { availability: { devices: 1 } });
    const params = { kind: "fleet" } as const;
    const query = { windowSeconds: 60 };
    t.match(await client.reportDocument({ params, query }), { documentVersion: 1, kind: "fleet" });
    const page = await fetch(`${httpUrl}/api/v1/reports/fleet/file`, { headers: { authorization } });
    t.match(page.headers.get("content-type"), "text/html");
    t.match(page.headers.get("content-security-policy"), /default-src 'none'.*sandbox/);
    t.match(await page.text(), "<!doctype html>");
    const asMarkdown = { authorization, accept: "text/markdown, text/html;q=0.5" };
    const drift = await fetch(`${httpUrl}/api/v1/reports/drift/file`, { headers: asMarkdown });
    t.match([drift.headers.get("content-type"), await drift.text()], [/text\/markdown/, /^# Drift/]);
    const picture = await fetch(`${httpUrl}/api/v1/reports/drift/file`, {
      headers: { authorization, accept: "image/png" },
    });
    t.match([picture.status, await picture.json()], [406, { code: "not-acceptable", hint: /text\/csv/ }]);
    await t.rejects(client.reportDocument({ params: { kind: "model" }, query }), { code: "bad-request" });
    const json = await client.reportFile({ params, query: { ...query, format: "json" } });
    t.match(JSON.parse(json.text), { documentVersion: 1 });
    t.match(json, { mediaType: /application\/json/, fileName: /^fleet-.*\.json$/ });
    t.same(await client.telemetryAccounting({ query: { verify: true } }), { accounts: [] });
    t.same(await client.telemetryGaps({ query: {} }), { gaps: [] });
    t.same(await client.telemetryProblems({ query: {} }), { problems: [] });
    t.match(await client.tailTelemetry({ query: { limit: 10 } }), { records: [] });
    t.same(await client.listTransfers({}), { transfers: [] });
    const figures = await (await fetch(`${httpUrl}/metrics`, { headers: { authorization } })).text();
    t.match(figures, /^modelferry_devices\{state="\w+"\} 1$/m);
    t.match(figures, /^modelferry_broker_connected 1$/m);
  });
});

t.test("the OpenAPI document has every route that is declared", async (t) => {
  const document = (await openApiDocument()) as {
    openapi: string;
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  t.equal(document.openapi, "3.1.0");
  const operations = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  t.same(operations.sort(), Object.keys(ROUTES).sort());
});

t.test("a controller that is not there is said, with the question that helps", async (t) => {
  const [port = 0] = await freePorts(1);
  await t.rejects(createClient(`http://127.0.0.1:${String(port)}`).getHealth({}), {
    code: "controller-unreachable",
    exitCode: 5,
    hint: /Is `ferry up` running\?/,
  });
});
