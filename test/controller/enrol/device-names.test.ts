import t from "tap";
import { rmSync } from "node:fs";
import { recordCaller } from "../../../controller/enrol/callers.ts";
import { requireNoDevice } from "../../../controller/enrol/device-names.ts";
import { createRequest } from "../../../common/x509.ts";
import { openAuthority } from "../../../controller/enrol/authority.ts";
import type { CallerId, DeviceId } from "../../../protocol/ids.ts";
import { enrol } from "../../../agent/enrol/enrol.ts";
import { parseJoinToken } from "../../../protocol/enrol/join-token.ts";
import { newKey, openEnrolWorld } from "../../support/enrol-world.ts";

t.test(
  "an application gets the name of no device: neither of one that is there nor of one that may come",
  async (t) => {
    const world = await openEnrolWorld(t);
    const { enrolments, paths } = world;
    await enrol(parseJoinToken(await world.token("joined")), newKey());
    await world.token("invited");
    await enrolments.ask({ device: "asking" as DeviceId, csr: await createRequest(newKey(), "x") }, "10.0.0.7");
    await enrolments.revoke("revoked" as DeviceId, { evenUnknown: true });
    const authority = await openAuthority(paths.authority);
    const isFree = (name: string) =>
      requireNoDevice(paths, authority, name as DeviceId).then(
        () => true,
        (thrown: unknown) => (thrown as { code: string }).code,
      );
    for (const name of ["joined", "invited", "asking", "revoked"]) t.equal(await isFree(name), "name-taken", name);
    t.equal(await isFree("line-app"), true);

    await t.test("an application whose certificates were revoked may get another", async (t) => {
      await recordCaller(paths.authority, "shop" as CallerId);
      await authority.revoke("shop" as DeviceId, [], Date.now());
      t.equal(await isFree("shop"), true);
    });

    await t.test("before the first start there is no database to ask", async (t) => {
      rmSync(paths.database);
      t.equal(await isFree("joined"), true);
    });
  },
);
