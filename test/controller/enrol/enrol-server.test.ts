import t from "tap";
import { request } from "node:https";
import type { IncomingMessage } from "node:http";
import { once } from "node:events";
import { openEnrolServer } from "../../../controller/enrol/enrol-server.ts";
import { ENROL_BODY_BYTES_MAX, ENROL_JOIN_PATH, ENROL_ROOT_PATH } from "../../../protocol/enrol/enrol-messages.ts";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { FLEET } from "../../support/device-views.ts";
import { openEnrolWorld, type EnrolWorld } from "../../support/enrol-world.ts";

async function ask(world: EnrolWorld, method: string, path: string, body = "") {
  const asked = request(`${world.url}${path}`, {
    method,
    ca: world.authority.certificatePem,
    agent: false,
    headers: { "content-length": Buffer.byteLength(body) },
  });
  // A server that has heard enough may close before all is sent.
  asked.on("error", () => undefined);
  asked.end(body);
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  return { status: response.statusCode, text: Buffer.concat(parts).toString() };
}

t.test("there is nothing behind the door but enrolment", async (t) => {
  const world = await openEnrolWorld(t);
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/api/v1/devices"],
    ["GET", ENROL_JOIN_PATH],
    ["PUT", ENROL_ROOT_PATH],
    ["GET", `${ENROL_ROOT_PATH}/../join`],
  ] as const) {
    t.equal((await ask(world, method, path)).status, 404, `${method} ${path}`);
  }
});

t.test("a body that is too long, or no request, is refused", async (t) => {
  const world = await openEnrolWorld(t);
  const cases = [
    { what: "a long body", body: "x".repeat(ENROL_BODY_BYTES_MAX + 1), status: 413 },
    { what: "no JSON", body: "{", status: 400 },
    {
      what: "a field too many",
      body: JSON.stringify({ fleet: "a", secret: "A".repeat(43), csr: "x", cn: "b" }),
      status: 400,
    },
  ];
  for (const { what, body, status } of cases)
    t.equal((await ask(world, "POST", ENROL_JOIN_PATH, body)).status, status, what);
});

t.test("who is refused often must wait, and then even a good request does not help", async (t) => {
  const world = await openEnrolWorld(t);
  const body = JSON.stringify({ fleet: "test", secret: "A".repeat(43), csr: "x" });
  const statuses: (number | undefined)[] = [];
  for (let at = 0; at < 60 && !statuses.includes(429); at += 1) {
    statuses.push((await ask(world, "POST", ENROL_JOIN_PATH, body)).status);
  }
  t.equal(statuses.at(-1), 429);
  t.ok(statuses.length > 20, "a person's mistakes are forgiven");
  t.equal((await ask(world, "GET", ENROL_ROOT_PATH)).status, 429);
});

t.test("a taken port is told with the way out", async (t) => {
  const world = await openEnrolWorld(t);
  const port = Number(new URL(world.url).port);
  const { authority, enrolments } = world;
  const opened = openEnrolServer({
    host: "127.0.0.1",
    port,
    identity: await authority.newServer(["127.0.0.1"], Date.now()),
    fleet: FLEET,
    authority,
    enrolments,
    firstRoot: new Uint8Array(),
    brokerFor: () => "",
    clock: systemClock,
    log: openLog("test", "silent"),
  });
  await t.rejects(opened, { code: "port-taken", exitCode: 6, hint: /--enrol-port/ });
});
