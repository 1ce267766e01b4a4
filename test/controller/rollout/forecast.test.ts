import t from "tap";
import { forecast, type Delivery } from "../../../controller/rollout/forecast.ts";

const MB = 1024 ** 2;
const delivered = (bytes: number, transferMs: number, applyMs = 4_000): Delivery => ({
  bytes,
  transferMs,
  totalMs: transferMs + applyMs,
});
const request = { archiveBytes: 10 * MB, isHeld: false, ofDevice: [], ofFleet: [] };

t.test("a device is forecast by the rate of its own link, and by the time that it took beside the bytes", async (t) => {
  const ofDevice = [delivered(2 * MB, 20_000, 3_000), delivered(8 * MB, 80_000, 5_000), delivered(1_000, 200, 4_000)];
  t.match(forecast({ ...request, ofDevice, ofFleet: [delivered(MB, 1)] }), {
    bytes: 10 * MB,
    ms: 104_000,
    basis: "device",
  });
});

t.test("a device without a history of its own is forecast by the fleet's", async (t) => {
  t.match(forecast({ ...request, ofFleet: [delivered(5 * MB, 1_000), delivered(5 * MB, 3_000)] }), {
    ms: 8_000,
    basis: "fleet",
  });
});

t.test("its own time beside the bytes counts even where only the fleet shows a rate", async (t) => {
  const ofDevice = [delivered(2_000, 50, 9_000)];
  t.match(forecast({ ...request, ofDevice, ofFleet: [delivered(10 * MB, 2_000, 1_000)] }), {
    ms: 11_000,
    basis: "fleet",
  });
});

t.test("a bundle that the device holds does not travel", async (t) => {
  t.match(forecast({ ...request, isHeld: true, ofDevice: [delivered(MB, 500, 2_500)] }), {
    bytes: 0,
    ms: 2_500,
    basis: "held",
  });
});

t.test("a small archive takes what small ones took: their rate would be that of the round trips", async (t) => {
  const ofDevice = [delivered(2_000, 100), delivered(4_000, 300), delivered(9_000, 120)];
  t.match(forecast({ ...request, archiveBytes: 100_000, ofDevice }), { ms: 4_120, basis: "device" });
  t.match(forecast({ ...request, ofDevice }), { ms: undefined, basis: "none" }, "and says nothing about a large one");
});

t.test("nothing seen, nothing promised", async (t) => {
  t.same(forecast(request), { bytes: 10 * MB, ms: undefined, basis: "none" });
});

t.test(
  "only the newest deliveries count: a device that moved to a better link is soon forecast by that one",
  async (t) => {
    const fast = Array.from({ length: 10 }, () => delivered(MB, 100));
    t.match(forecast({ ...request, ofDevice: [...fast, delivered(MB, 1_000_000)] }), { ms: 5_000 });
  },
);
