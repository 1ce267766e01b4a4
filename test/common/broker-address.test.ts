import t from "tap";
import { brokerAddress } from "../../common/broker-address.ts";

const cases = [
  { url: "mqtt://127.0.0.1:1884", then: { protocol: "mqtt", host: "127.0.0.1", port: 1_884 } },
  { url: "mqtts://ferry.example", then: { protocol: "mqtts", host: "ferry.example", port: 8_883 } },
  { url: "mqtt://ferry.example", then: { protocol: "mqtt", host: "ferry.example", port: 1_883 } },
  { url: "mqtts://[::1]:8884", then: { protocol: "mqtts", host: "::1", port: 8_884 } },
  {
    url: "mqtt://cam-1:p%40ss@ferry.example",
    then: { protocol: "mqtt", host: "ferry.example", port: 1_883, username: "cam-1", password: "p@ss" },
  },
] as const;
for (const { url, then } of cases) t.test(url, async (t) => t.same(brokerAddress(url), then));

t.test("what is no address throws", async (t) => {
  t.throws(() => brokerAddress("ferry.example"), { name: "TypeError" });
});
