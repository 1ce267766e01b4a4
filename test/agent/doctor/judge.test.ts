import t from "tap";
import type { Check } from "../../../agent/doctor/check.ts";
import type { DoctorFacts } from "../../../agent/doctor/facts.ts";
import { judge } from "../../../agent/doctor/judge.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const DAY_MS = 86_400_000;
const url = "mqtts://ferry.example:8883";

const key = { path: "device.key.pem", isSecret: true, ownerId: 998, folderOwnerId: 998 };

const sound: DoctorFacts = {
  nowMs: NOW,
  kernel: { platform: "linux", release: "6.1.0-18-arm64", arch: "arm64" },
  glibc: "2.36",
  memory: { totalBytes: 4e9, availableBytes: 2e9 },
  controlGroup: { version: 2, path: "/system.slice/ferry-agent.service" },
  providers: { kind: "known", value: { working: ["cpu"], failed: [{ provider: "cuda", why: "no device" }] } },
  disk: { kind: "known", value: { path: "/var/lib/ferry-agent", freeBytes: 8e9, syncMs: 4 } },
  files: [{ ...key, mode: 0o100600, isReadable: true }],
  databases: [
    { path: "state.db", verdict: { kind: "in-use" } },
    { path: "telemetry.db", verdict: { kind: "sound" } },
  ],
  config: { kind: "joined", fleet: "demo", device: "cam-1" },
  floors: [{ what: "when this program was built", atMs: NOW - 30 * DAY_MS }],
  controllerMs: NOW + 2_000,
  certificate: { kind: "usable", fromMs: NOW - DAY_MS, untilMs: NOW + 60 * DAY_MS },
  broker: { kind: "reached", url, isProtected: true },
  selfUpdate: undefined,
};

t.test("a device with which nothing is wrong needs nothing", async (t) => {
  t.same(
    judge(sound).filter(({ verdict, todo }) => verdict !== "ok" || todo !== undefined),
    [],
  );
});

const cases: readonly {
  what: string;
  facts: Partial<DoctorFacts>;
  name: string;
  then: Check["verdict"];
  says: RegExp;
}[] = [
  {
    what: "another system",
    facts: { kernel: { platform: "darwin", release: "24", arch: "arm64" } },
    name: "kernel",
    then: "fail",
    says: /Linux, x64 or arm64/,
  },
  {
    what: "32 bits",
    facts: { kernel: { platform: "linux", release: "6.1", arch: "arm" } },
    name: "kernel",
    then: "fail",
    says: /64-bit/,
  },
  {
    what: "an old kernel",
    facts: { kernel: { platform: "linux", release: "4.9.337-tegra", arch: "arm64" } },
    name: "kernel",
    then: "fail",
    says: /4\.18/,
  },
  { what: "an old C library", facts: { glibc: "2.31" }, name: "glibc", then: "fail", says: /Debian 12/ },
  { what: "another C library", facts: { glibc: undefined }, name: "glibc", then: "warn", says: /not glibc/ },
  {
    what: "almost no memory",
    facts: { memory: { totalBytes: 5e8, availableBytes: 1e8 } },
    name: "memory",
    then: "fail",
    says: /100 MB of 500 MB/,
  },
  {
    what: "little memory",
    facts: { memory: { totalBytes: 5e8, availableBytes: 3e8 } },
    name: "memory",
    then: "warn",
    says: /Small models/,
  },
  {
    what: "no control group",
    facts: { controlGroup: undefined },
    name: "cgroup",
    then: "warn",
    says: /cgroup_enable=memory/,
  },
  {
    what: "no onnxruntime",
    facts: { providers: { kind: "unknown", why: "it is gone" } },
    name: "providers",
    then: "fail",
    says: /it is gone/,
  },
  {
    what: "a disk that is read-only",
    facts: { disk: { kind: "unknown", why: "EROFS" } },
    name: "disk",
    then: "fail",
    says: /EROFS/,
  },
  {
    what: "a full disk",
    facts: { disk: { kind: "known", value: { path: "/", freeBytes: 1e6, syncMs: 1 } } },
    name: "disk",
    then: "fail",
    says: /free some space/,
  },
  {
    what: "a slow disk",
    facts: { disk: { kind: "known", value: { path: "/", freeBytes: 8e9, syncMs: 2_000 } } },
    name: "disk",
    then: "warn",
    says: /after 2000 ms/,
  },
  {
    what: "a key that others can read",
    facts: { files: [{ ...key, mode: 0o100644, isReadable: true }] },
    name: "permissions",
    then: "fail",
    says: /chmod 600 device\.key\.pem/,
  },
  {
    what: "a key that this user cannot read",
    facts: { files: [{ ...key, mode: 0o100600, isReadable: false }] },
    name: "permissions",
    then: "fail",
    says: /as the user of the agent/,
  },
  {
    what: "a key that root made for the service",
    facts: { files: [{ ...key, mode: 0o100600, isReadable: true, ownerId: 0 }] },
    name: "permissions",
    then: "fail",
    says: /belongs to user 0, .* to user 998 .*chown 998 device\.key\.pem/,
  },
  {
    what: "a damaged database",
    facts: { databases: [{ path: "state.db", verdict: { kind: "damaged", why: "row 1" } }] },
    name: "database",
    then: "fail",
    says: /moves it aside/,
  },
  {
    what: "no fleet",
    facts: { config: { kind: "not-joined" } },
    name: "joined",
    then: "warn",
    says: /ferry-agent join TOKEN/,
  },
  {
    what: "a broken agent.json",
    facts: { config: { kind: "invalid", why: "/http is missing" } },
    name: "joined",
    then: "fail",
    says: /\/http is missing/,
  },
  { what: "a clock of 1970", facts: { nowMs: 0 }, name: "clock", then: "fail", says: /when this program was built/ },
  {
    what: "a clock that goes wrong",
    facts: { controllerMs: NOW + 3_600_000 },
    name: "clock",
    then: "warn",
    says: /3600 s apart/,
  },
  {
    what: "an ended certificate",
    facts: { certificate: { kind: "usable", fromMs: 0, untilMs: NOW - 1 } },
    name: "certificate",
    then: "fail",
    says: /ferry device renew/,
  },
  {
    what: "a certificate that was not renewed",
    facts: { certificate: { kind: "usable", fromMs: 0, untilMs: NOW + 5 * DAY_MS } },
    name: "certificate",
    then: "warn",
    says: /ends in 5 days/,
  },
  {
    what: "a certificate that is none",
    facts: { certificate: { kind: "unusable", why: "no PEM" } },
    name: "certificate",
    then: "fail",
    says: /--force/,
  },
  {
    what: "an unknown name",
    facts: { broker: { kind: "failed", url, step: "dns", why: "ENOTFOUND" } },
    name: "broker",
    then: "fail",
    says: /DNS failed: ENOTFOUND.*name server/s,
  },
  {
    what: "a closed port",
    facts: { broker: { kind: "failed", url, step: "tcp", why: "ECONNREFUSED" } },
    name: "broker",
    then: "fail",
    says: /firewall/,
  },
  {
    what: "something else than a broker",
    facts: { broker: { kind: "failed", url, step: "tls", why: "wrong version number" } },
    name: "broker",
    then: "fail",
    says: /TLS failed: wrong version number .*port right/,
  },
  {
    what: "another broker",
    facts: { broker: { kind: "failed", url, step: "tls-authority", why: "unknown CA" } },
    name: "broker",
    then: "fail",
    says: /TLS failed.*ca\.crt\.pem/,
  },
  {
    what: "a broker under another name",
    facts: { broker: { kind: "failed", url, step: "tls-name", why: "its certificate is for DNS:x" } },
    name: "broker",
    then: "fail",
    says: /TLS failed.*other names/,
  },
  {
    what: "a broker of another time",
    facts: { broker: { kind: "failed", url, step: "tls-time", why: "certificate has expired" } },
    name: "broker",
    then: "fail",
    says: /TLS failed.*set the clock/,
  },
  {
    what: "a certificate that the broker does not take",
    facts: { broker: { kind: "failed", url, step: "tls-device", why: "alert" } },
    name: "broker",
    then: "fail",
    says: /ferry device renew/,
  },
  {
    what: "one that has ended",
    facts: {
      broker: { kind: "failed", url, step: "mqtt", why: "it ends the connection at once" },
      certificate: { kind: "usable", fromMs: 0, untilMs: NOW - 1 },
    },
    name: "broker",
    then: "fail",
    says: /see its own line/,
  },
  {
    what: "a revoked device",
    facts: { broker: { kind: "failed", url, step: "mqtt", why: "not authorized" } },
    name: "broker",
    then: "fail",
    says: /was it revoked/,
  },
  {
    what: "an agent that runs without a connection",
    facts: { broker: { kind: "running", url, connected: false } },
    name: "broker",
    then: "fail",
    says: /tries again by itself/,
  },
];
for (const { what, facts, name, then, says } of cases) {
  t.test(`${then}: ${what}`, async (t) => {
    const found = judge({ ...sound, ...facts }).filter((check) => check.name === name);
    t.equal(found[0]?.verdict, then);
    t.match(`${found[0]?.found ?? ""} ${found[0]?.todo ?? ""}`, says);
  });
}

t.test("providers that do not work here are told below the line, and are nothing wrong", async (t) => {
  const found = judge(sound).find(({ name }) => name === "providers");
  t.match(found, { verdict: "ok", found: "cpu; not here: cuda", more: ["cuda: no device"] });
});
