import t from "tap";
import { join } from "node:path";
import { ensureDevice } from "../../../controller/fleet/inventory.ts";
import { createPresenceKeeper } from "../../../controller/fleet/presence-keeper.ts";
import { readDevices } from "../../../controller/fleet/read-devices.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { NOW_MS, SESSION } from "../../support/device-views.ts";
import { manualClock } from "../../support/manual-clock.ts";

const cam = "cam-1" as DeviceId;
const said = (state: "online" | "offline") => ({
  state,
  session: SESSION,
  bootId: "b",
  atMs: 0,
  agentVersion: "0.1.0",
});

t.test("a device that says nothing for 2.5 heartbeats is offline, and one that is heard is not", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  const clock = manualClock(NOW_MS);
  const presence = createPresenceKeeper(store, clock);
  await ensureDevice(store, cam, clock.nowMs());
  t.equal(await presence.state(cam, said("online")), true, "it came");
  t.equal(await presence.state(cam, said("online")), false, "the same again is no news");

  clock.advance(140_000);
  presence.heard(cam);
  t.same(await presence.sweep(), []);
  clock.advance(149_000);
  t.same(await presence.sweep(), [], "counted from when it was last heard");
  clock.advance(2_000);
  t.same(await presence.sweep(), [cam]);
  const [gone] = await readDevices(store, [cam]);
  t.match(gone, { online: false, onlineSinceMs: clock.nowMs() });

  t.equal(await presence.sign(cam, SESSION), true, "its next message revives it");
  t.equal((await readDevices(store, [cam]))[0]?.online, true);
  const kinds = (await store.selectFrom("events").select("kind").orderBy("id").execute()).map(({ kind }) => kind);
  t.same(kinds, ["device-joined", "device-online", "device-aged-out", "device-online"]);
});
