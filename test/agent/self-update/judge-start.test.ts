import t from "tap";
import { buildFor, selfTestRefusal, startRefusal } from "../../../agent/self-update/judge-start.ts";

const builds = [
  { hardware: "linux-x64", folder: "linux-x64", glibc: "2.34" },
  { hardware: "linux-arm64", folder: "linux-arm64" },
];

t.test("a device gets the build for its hardware", async (t) => {
  const raspberry = { hardwareClasses: ["linux-arm64", "raspberry-pi"], glibc: "2.28" };
  t.match(buildFor(builds, raspberry), { folder: "linux-arm64" }, "which says nothing of a glibc");
  t.match(buildFor(builds, { hardwareClasses: ["linux-x64"], glibc: "2.34" }), { folder: "linux-x64" });
  t.match(buildFor(builds, { hardwareClasses: ["linux-x64"], glibc: undefined }), { folder: "linux-x64" });
});

t.test("without one it refuses with a sentence", async (t) => {
  t.match(buildFor(builds, { hardwareClasses: ["linux-arm"], glibc: "2.36" }), {
    code: "bundle-incompatible",
    message: "The bundle has builds for linux-x64, linux-arm64; this device is linux-arm",
  });
  t.match(buildFor(builds, { hardwareClasses: ["linux-x64"], glibc: "2.31" }), {
    code: "bundle-incompatible",
    message: /needs glibc 2\.34 or newer; this device has 2\.31/,
  });
});

t.test("what starts must be what its bundle calls it, and know the databases", async (t) => {
  const here = { state: 2, telemetry: 3 };
  t.equal(startRefusal("0.2.0", { version: "0.2.0", schemas: here }, here), undefined);
  t.equal(startRefusal("0.2.0", { version: "0.2.0", schemas: { state: 5, telemetry: 3 } }, here), undefined);
  t.match(startRefusal("0.2.0", { version: "0.1.0", schemas: here }, here), { code: "agent-start" });
  t.match(startRefusal("0.2.0", { version: "0.2.0", schemas: { state: 1, telemetry: 3 } }, here), {
    code: "agent-schema",
    message: /0\.2\.0 knows state\.db up to schema 1, and this device's has schema 2/,
  });
  t.match(startRefusal("0.2.0", { version: "0.2.0", schemas: { state: 2, telemetry: 2 } }, here), {
    code: "agent-schema",
    message: /telemetry\.db/,
  });
});

t.test("a self-test that holds refuses nothing; one that does not names each check", async (t) => {
  t.equal(selfTestRefusal({ checks: { libraries: { ok: true }, database: { ok: true } } }), undefined);
  t.match(selfTestRefusal({ checks: { libraries: { ok: true }, database: { ok: false, error: "EROFS" } } }), {
    code: "agent-start",
    message: "Its self-test fails on this device: database: EROFS",
  });
  const long = { ok: false, error: "x".repeat(2_000) };
  t.equal(selfTestRefusal({ checks: { inference: long } })?.message.length, 1_000);
});
