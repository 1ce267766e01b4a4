import t from "tap";
import { deviceFit, measuredMemoryBytes, type FittedBundle } from "../../../controller/rollout/device-fit.ts";
import { deviceView, EVIDENCE, INFO, modelJson, reportOf, serving, statement } from "../../support/device-views.ts";

const MiB = 1024 ** 2;
const bundle: FittedBundle = {
  statement: statement("b"),
  model: modelJson("2.0.0"),
  archiveBytes: 10 * MiB,
  memoryBytes: 200 * MiB,
};
const withMemory = (memoryBytes: number) => ({ ...INFO, hardware: { ...INFO.hardware, memoryBytes } });
const servesOld = (memoryBytes: number) => {
  const slot = serving("a", "1.0.0");
  const active =
    slot.active === undefined ? {} : { active: { ...slot.active, evidence: { ...EVIDENCE, memoryBytes } } };
  return deviceView("cam-1", { report: reportOf("cam-1", { slots: [{ ...slot, ...active }] }) });
};

t.test("what other devices measured of the bundle tells what it needs here", async (t) => {
  const views = [
    deviceView("cam-1", { report: reportOf("cam-1", { slots: [serving("b", "2.0.0")] }) }),
    deviceView("cam-2", { report: reportOf("cam-2", { slots: [serving("a", "1.0.0")] }) }),
  ];
  t.equal(measuredMemoryBytes(statement("b"), views), EVIDENCE.memoryBytes);
  t.equal(measuredMemoryBytes(statement("c"), views), undefined);
});

t.test("a bundle that needs more memory than the device has cannot run there, and the figures say so", async (t) => {
  t.match(deviceFit(bundle, deviceView("cam-1"), withMemory(128 * MiB)), {
    obstacle: /needs 200 MiB; the device has 128 MiB/,
  });
  t.match(deviceFit({ ...bundle, memoryBytes: undefined }, deviceView("cam-1"), withMemory(128 * MiB)), {
    obstacle: undefined,
  });
});

t.test("where both versions do not fit, requests will wait for the load", async (t) => {
  t.match(deviceFit(bundle, servesOld(150 * MiB), withMemory(300 * MiB)).notes, [/unloaded first/]);
  t.same(deviceFit(bundle, servesOld(150 * MiB), withMemory(400 * MiB)).notes, []);
});

t.test("a disk that is too full is told, and no obstacle: it may have room by then", async (t) => {
  const info = { ...INFO, hardware: { ...INFO.hardware, diskFreeBytes: 80 * MiB } };
  t.match(deviceFit(bundle, deviceView("cam-1"), info), {
    obstacle: undefined,
    notes: [/needs 84 MiB of disk; 80 MiB/],
  });
  t.same(deviceFit(bundle, deviceView("cam-1"), { ...info, heldStatements: [bundle.statement] }).notes, []);
});

t.test("the first provider that the device has is used, and a missing one is told", async (t) => {
  const wantsCuda = { ...bundle, model: modelJson("2.0.0", { providers: ["cuda", "cpu"] }) };
  t.match(deviceFit(wantsCuda, deviceView("cam-1"), INFO), { provider: "cpu", notes: [/cuda is not there/] });
  const jetson = { ...INFO, runtime: { ...INFO.runtime, providers: ["cuda", "cpu"] } };
  t.match(deviceFit(wantsCuda, deviceView("cam-1"), jetson), { provider: "cuda", notes: [] });
  const failedProviders = [{ provider: "cuda", why: "no CUDA device was found" }];
  const broken = { ...INFO, runtime: { ...INFO.runtime, failedProviders } };
  t.match(deviceFit(wantsCuda, deviceView("cam-1"), broken), {
    provider: "cpu",
    notes: ["runs on cpu: cuda does not work there, no CUDA device was found"],
  });
});
