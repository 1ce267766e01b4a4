/** A device that joined a real controller over TLS, and what is wrong with it or with the way there, one thing at a time. */
import { createPublicKey } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join as path } from "node:path";
import { createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import t, { type Test } from "tap";
import { diagnose, diagnosisText } from "../../../agent/cli/doctor.ts";
import { join } from "../../../agent/cli/join.ts";
import { agentFolder, readAgentConfig, type AgentFolder } from "../../../agent/config.ts";
import { controllerPaths } from "../../../controller/config.ts";
import { createAuthorityFiles } from "../../../controller/enrol/authority.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { FLEET } from "../../support/device-views.ts";
import { openEnrolWorld, type EnrolWorld } from "../../support/enrol-world.ts";
import { freePorts } from "../../support/programs.ts";

const DAY_MS = 86_400_000;
const DEVICE = "cam-1" as DeviceId;
/** Which providers work is no matter of the network, and takes seconds: `test/agent/cli/doctor.test.ts` asks for them. */
const noProviders = () => Promise.resolve({ kind: "known", value: { working: ["cpu"], failed: [] } } as const);

interface Joined {
  readonly world: EnrolWorld;
  readonly folder: AgentFolder;
}

interface Case {
  readonly what: string;
  readonly spoil: (t: Test, joined: Joined) => void | Promise<void>;
  /** Of each line that says more than `ok`, by its name. */
  readonly then: Readonly<Record<string, RegExp>>;
}

async function brokerIs(folder: AgentFolder, broker: string): Promise<void> {
  writeFileSync(folder.config, JSON.stringify({ ...(await readAgentConfig(folder)), broker }));
}

async function listening(t: Test, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const address = server.address();
  return `mqtts://127.0.0.1:${String(typeof address === "object" ? address?.port : 0)}`;
}

function clockIs(t: Test, aheadMs: number): void {
  const { now } = Date;
  Date.now = () => now() + aheadMs;
  t.teardown(() => {
    Date.now = now;
  });
}

const cases: readonly Case[] = [
  { what: "nothing", spoil: () => undefined, then: {} },
  {
    what: "the CA is another fleet's",
    spoil: async (t, { folder }) => {
      const paths = controllerPaths(path(t.testdirName, "other")).authority;
      await createAuthorityFiles(paths, FLEET, Date.now());
      writeFileSync(folder.authority, readFileSync(paths.certificate));
    },
    then: { broker: /TLS failed: .*not the broker of this fleet.*ferry ca show/s },
  },
  {
    what: "the certificate has ended",
    spoil: async (_t, { world, folder }) => {
      const key = createPublicKey(readFileSync(folder.key));
      const { pem } = await world.authority.issueClient(DEVICE, key, Date.now() - 400 * DAY_MS);
      writeFileSync(folder.certificate, pem);
    },
    then: { certificate: /ended at/, broker: /failed: .*certificate, with which something is wrong/s },
  },
  {
    what: "the clock is a year behind",
    spoil: (t) => {
      clockIs(t, -365 * DAY_MS);
    },
    then: { clock: /is before .*let NTP/s, certificate: /valid only from/ },
  },
  {
    what: "the clock is two hours ahead",
    spoil: (t) => {
      clockIs(t, 7_200_000);
    },
    then: { clock: /7[12]\d\d s apart from the controller/ },
  },
  {
    what: "nobody listens at the port",
    spoil: async (_t, { folder }) => brokerIs(folder, `mqtts://127.0.0.1:${String((await freePorts(1))[0])}`),
    then: { broker: /TCP failed: .*ECONNREFUSED.*firewall/s },
  },
  {
    what: "the broker's certificate is for another name",
    spoil: async (t, { world, folder }) => {
      const { cert, key } = await world.authority.newServer(["broker.example"], Date.now());
      await brokerIs(folder, await listening(t, createTlsServer({ cert, key })));
    },
    then: { broker: /TLS failed: its certificate is for DNS:broker\.example, and not for 127\.0\.0\.1/ },
  },
  {
    what: "what listens there speaks no TLS",
    spoil: async (t, { folder }) =>
      brokerIs(
        folder,
        await listening(
          t,
          createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
        ),
      ),
    then: { broker: /TLS failed: wrong version number .*is the port right/s },
  },
  {
    what: "the device is revoked",
    spoil: async (_t, { world }) => {
      await world.enrolments.revoke(DEVICE, { evenUnknown: true });
    },
    then: { broker: /failed: .*revoked/s },
  },
];

t.test("each thing that can be wrong is named, with what to do, and nothing else", async (t) => {
  const world = await openEnrolWorld(t);
  for (const { what, spoil, then } of cases) {
    await t.test(what, async (t) => {
      const folder = agentFolder(path(t.testdir(), "agent"));
      const token = await world.token(DEVICE);
      const options = { rootPin: world.rootPin, label: [], dir: folder.directory, httpPort: 0, httpHost: "127.0.0.1" };
      await join(token, { ...options, force: true }, { onWaiting: () => undefined, onTrouble: () => undefined });
      await spoil(t, { world, folder });
      const diagnosis = await diagnose(folder.directory, noProviders);
      const wrong = diagnosis.checks.filter(
        ({ verdict, name }) => verdict !== "ok" && name !== "cgroup" && name !== "disk",
      );
      t.same(wrong.map(({ name }) => name).sort(), Object.keys(then).sort());
      for (const { name, found, todo } of wrong) t.match(`${found} ${todo ?? ""}`, then[name], name);
      t.notMatch(diagnosisText(diagnosis), /undefined|\[object/);
    });
  }
});
