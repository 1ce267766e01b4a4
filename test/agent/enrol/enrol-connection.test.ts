import t, { type Test } from "tap";
import { createServer } from "node:tls";
import { createPublicKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { askEndpoint, whyImpostor } from "../../../agent/enrol/enrol-connection.ts";
import { controllerPaths } from "../../../controller/config.ts";
import { createAuthorityFiles, openAuthority } from "../../../controller/enrol/authority.ts";
import type { DeviceId, Sha256 } from "../../../protocol/ids.ts";
import { FLEET } from "../../support/device-views.ts";
import { keyPem, newKey } from "../../support/enrol-world.ts";
import { freePorts } from "../../support/programs.ts";

async function openTestAuthority(t: Test) {
  const { authority } = controllerPaths(t.testdir());
  await createAuthorityFiles(authority, FLEET, Date.now());
  return openAuthority(authority);
}

/** A server with this certificate that counts the bytes it is told. */
async function openEar(t: Test, identity: { readonly cert: string; readonly key: string }) {
  let heardBytes = 0;
  const server = createServer(identity, (socket) => {
    socket.on("data", (bytes: Buffer) => {
      heardBytes += bytes.byteLength;
    });
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `https://127.0.0.1:${String(port)}`, heardBytes: () => heardBytes };
}

t.test("an impostor hears nothing", async (t) => {
  const ours = await openTestAuthority(t);
  const theirs = await openTestAuthority(t);
  const key = newKey();
  const device = await ours.issueClient("cam-1" as DeviceId, createPublicKey(key), Date.now());
  const theirServer = await theirs.newServer(["127.0.0.1"], Date.now());
  const alone = theirServer.cert.slice(0, theirServer.cert.indexOf("-----END CERTIFICATE-----") + 26);
  const cases = [
    { who: "another CA", identity: theirServer, says: /authority's key is/ },
    {
      who: "another CA that shows ours beside its own certificate",
      identity: { cert: alone + ours.certificatePem, key: theirServer.key },
      says: /did not sign its certificate/,
    },
    {
      who: "a device of the fleet",
      identity: { cert: device.pem + ours.certificatePem, key: keyPem(key) },
      says: /not a server's/,
    },
    {
      who: "a server of another name",
      identity: await ours.newServer(["broker.example"], Date.now()),
      says: /does not name 127\.0\.0\.1/,
    },
  ];
  for (const { who, identity, says } of cases) {
    const ear = await openEar(t, identity);
    const asked = askEndpoint({ url: ear.url, ca: ours.keyDigest }, "POST", "/enrol/v1/join", { secret: "secret" });
    await t.rejects(asked, { code: "enrol-impostor", message: says, exitCode: 4 }, who);
    t.equal(ear.heardBytes(), 0, who);
  }
});

t.test("time is not looked at: a device in 1970 knows the controller by its key", async (t) => {
  const ours = await openTestAuthority(t);
  const { cert } = await ours.newServer(["127.0.0.1"], Date.now());
  t.equal(new X509Certificate(cert).validFromDate.getTime(), 0);
  t.equal(new X509Certificate(ours.certificatePem).validFromDate.getTime(), 0);
});

t.test("a server that shows no certificate is nobody", async (t) => {
  t.match(whyImpostor(undefined, "0".repeat(64) as Sha256, "host"), /no certificate/);
});

t.test("nobody at the address is told as that", async (t) => {
  const [port = 0] = await freePorts(1);
  const endpoint = { url: `https://127.0.0.1:${String(port)}`, ca: "0".repeat(64) as Sha256 };
  await t.rejects(askEndpoint(endpoint, "GET", "/"), { code: "enrol-unreachable", exitCode: 5, hint: /ferry up/ });
});
