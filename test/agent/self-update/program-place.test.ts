import t from "tap";
import { isVersionName, programPlace, versionName } from "../../../agent/self-update/program-place.ts";

const running = versionName("0.2.0", "a".repeat(64));

t.test("what the launcher started can update itself", async (t) => {
  const place = programPlace({ program: "/var/lib/ferry-agent/program", running, executable: "/x/ferry-agent" });
  t.same(place, { kind: "versioned", directory: "/var/lib/ferry-agent/program", running });
});

t.test("what anybody else started cannot, and says why and what to do", async (t) => {
  for (const [executable, why] of [
    ["/usr/bin/node", /source checkout: update the checkout/],
    ["/opt/node/bin/node", /source checkout/],
    ["/usr/lib/ferry-agent/ferry-agent", /installed by a package of its system: update the package/],
    ["/opt/ferry-agent/ferry-agent", /not started by its launcher: install it with `ferry-agent install --systemd`/],
  ] as const) {
    const place = programPlace({ program: undefined, running: undefined, executable });
    t.match(place, { kind: "unsupported", refusal: { code: "agent-unsupported", message: why } }, executable);
  }
  const strange = programPlace({ program: "/p", running: "../..", executable: "/opt/ferry-agent/ferry-agent" });
  t.equal(strange.kind, "unsupported", "a name that is none of a version");
});

t.test("a version's name is no path", async (t) => {
  t.equal(running, "0.2.0-aaaaaaaaaaaaaaaa");
  t.ok(isVersionName(running));
  for (const name of ["", "..", "0.2.0", "0.2.0/x-aaaaaaaaaaaaaaaa", ".staging-x", "0.2.0-AAAAAAAAAAAAAAAA"]) {
    t.notOk(isVersionName(name), name);
  }
});
