import t from "tap";
import { join } from "node:path";
import { ensureDevice, recordInfo } from "../../../controller/fleet/inventory.ts";
import { changeLabels } from "../../../controller/fleet/labels.ts";
import { listEvents } from "../../../controller/fleet/events.ts";
import { readDevices } from "../../../controller/fleet/read-devices.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { INFO, NOW_MS } from "../../support/device-views.ts";
import { newSigner } from "../../support/keys.ts";

const cam = "cam-1" as DeviceId;

t.test("the first public key of a device wins; another one is refused as a whole, and told once", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  await ensureDevice(store, cam, NOW_MS);
  t.same(await recordInfo(store, cam, INFO, NOW_MS), { kind: "recorded" });
  const stranger = { ...INFO, publicKey: newSigner().publicKey.pem, labels: { site: "elsewhere" } };
  for (let time = 0; time < 3; time += 1) {
    t.match(await recordInfo(store, cam, stranger, NOW_MS + time), { kind: "refused", why: /another key/ });
  }
  const [view] = await readDevices(store, [cam]);
  t.equal(view?.info?.publicKey, INFO.publicKey);
  t.same(view?.labels, { site: "oslo" }, "the inventory stays what it was");
  const refusals = (await listEvents(store, { limit: 100 })).filter(({ kind }) => kind === "device-key-refused");
  t.equal(refusals.length, 1, "the same sentence is not repeated");
});

t.test("the operator's labels win over the device's own, and its own show again without them", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  await ensureDevice(store, cam, NOW_MS);
  await recordInfo(store, cam, INFO, NOW_MS);
  await changeLabels(store, cam, { site: "bergen", tier: "gold" });
  t.same((await readDevices(store, [cam]))[0]?.labels, { site: "bergen", tier: "gold" });
  await changeLabels(store, cam, { site: null });
  t.same((await readDevices(store, [cam]))[0]?.labels, { site: "oslo", tier: "gold" });
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${String(at)}`, "v"]));
  await t.rejects(changeLabels(store, cam, many), { code: "too-many-labels" });
  t.same((await readDevices(store, [cam]))[0]?.operatorLabels, { tier: "gold" }, "nothing of it was kept");
});
