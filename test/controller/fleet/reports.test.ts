import t from "tap";
import { join } from "node:path";
import { ensureDevice, recordInfo } from "../../../controller/fleet/inventory.ts";
import { acceptReport } from "../../../controller/fleet/reports.ts";
import { readDevices } from "../../../controller/fleet/read-devices.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { DEPLOYMENT_TYPE } from "../../../protocol/trust/deployment.ts";
import { signEnvelope } from "../../../protocol/trust/dsse.ts";
import { signReport, type Report } from "../../../protocol/trust/report.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import { FLEET, INFO, NOW_MS, reportOf } from "../../support/device-views.ts";
import { newSigner } from "../../support/keys.ts";

const cam = "cam-1" as DeviceId;
const device = newSigner();

async function bytesOf(report: Report, signer: Signer = device): Promise<Uint8Array> {
  return Buffer.from(JSON.stringify(await signReport(report, signer)));
}

t.test("a report of the device's own key is kept; an older one is a replay, the same one a duplicate", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  await ensureDevice(store, cam, NOW_MS);
  const report = reportOf(cam, { counter: 5 });
  t.match(await acceptReport(store, FLEET, cam, await bytesOf(report), NOW_MS), { kind: "refused", why: /public key/ });

  await recordInfo(store, cam, { ...INFO, publicKey: device.publicKey.pem }, NOW_MS);
  t.match(await acceptReport(store, FLEET, cam, await bytesOf(report), NOW_MS), { kind: "accepted" });
  t.same(await acceptReport(store, FLEET, cam, await bytesOf(report), NOW_MS), { kind: "duplicate" });
  const replay = await bytesOf(reportOf(cam, { counter: 4, seq: 9 }));
  t.match(await acceptReport(store, FLEET, cam, replay, NOW_MS), {
    kind: "refused",
    why: /counter 4 is below 5: a replay/,
  });
  t.match(await acceptReport(store, FLEET, cam, await bytesOf(reportOf(cam, { counter: 6, seq: 3 })), NOW_MS), {
    kind: "accepted",
  });
  t.match((await readDevices(store, [cam]))[0]?.report, { counter: 6, seq: 3 });
});

const forged: readonly { name: string; why: RegExp; bytes: () => Promise<Uint8Array> }[] = [
  {
    name: "another key signed it",
    why: /did not sign/,
    bytes: () => bytesOf(reportOf(cam, { counter: 9 }), newSigner()),
  },
  {
    name: "it is about another device",
    why: /is about test\/cam-2/,
    bytes: () => bytesOf(reportOf("cam-2", { counter: 9 })),
  },
  {
    name: "it is about another fleet",
    why: /is about other/,
    bytes: () => bytesOf(reportOf(cam, { counter: 9, fleet: "other" as FleetId })),
  },
  {
    name: "it is a signed document of another type",
    why: /is no report/,
    bytes: async () => Buffer.from(JSON.stringify(await signEnvelope(DEPLOYMENT_TYPE, Buffer.from("{}"), [device]))),
  },
  { name: "it is no JSON", why: /not JSON/, bytes: () => Promise.resolve(Buffer.from("nonsense")) },
  { name: "its payload is no report", why: /device report/, bytes: () => bytesOf({ ...reportOf(cam), counter: -1 }) },
];

for (const { name, why, bytes } of forged) {
  t.test(`a report is refused when ${name}`, async (t) => {
    await using opened = await openStore(join(t.testdir(), "controller.db"));
    const { store } = opened;
    await ensureDevice(store, cam, NOW_MS);
    await recordInfo(store, cam, { ...INFO, publicKey: device.publicKey.pem }, NOW_MS);
    t.match(await acceptReport(store, FLEET, cam, await bytes(), NOW_MS), { kind: "refused", why });
    t.equal((await readDevices(store, [cam]))[0]?.report, undefined);
  });
}
