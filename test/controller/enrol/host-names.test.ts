import t from "tap";
import { advertisedHost, serverHosts, urlHost } from "../../../controller/enrol/host-names.ts";

const cases = [
  { when: "a name is set", given: { names: ["fleet.example", "10.0.0.5"], host: "0.0.0.0" }, then: "fleet.example" },
  { when: "it listens on one address", given: { names: [], host: "192.168.1.10" }, then: "192.168.1.10" },
  { when: "it listens on loopback", given: { names: [], host: "127.0.0.1" }, then: "127.0.0.1" },
];
for (const { when, given, then } of cases) {
  t.test(`a token names ${then} when ${when}`, async (t) => {
    t.equal(advertisedHost(given), then);
    t.ok(serverHosts(given).includes(then), "and the certificate holds it");
  });
}

t.test("a certificate names this machine whatever it listens on, and no address that stands for all", async (t) => {
  const hosts = serverHosts({ names: ["localhost"], host: "0.0.0.0" });
  t.ok(["localhost", "127.0.0.1", "::1"].every((host) => hosts.includes(host)));
  t.notOk(hosts.includes("0.0.0.0"));
  t.equal(new Set(hosts).size, hosts.length);
});

t.test("an IPv6 address stands in brackets in a URL", async (t) => {
  t.equal(urlHost("::1"), "[::1]");
  t.equal(urlHost("fleet.example"), "fleet.example");
});
