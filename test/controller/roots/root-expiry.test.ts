import t from "tap";
import { ROOT_WARNING_MS, rootExpiry } from "../../../controller/roots/root-expiry.ts";

const EXPIRES_MS = Date.parse("2030-06-01T12:00:00Z");
const cases = [
  { when: "more than a month is left", nowMs: EXPIRES_MS - ROOT_WARNING_MS - 1, expected: { kind: "far" } },
  {
    when: "a month is left",
    nowMs: EXPIRES_MS - ROOT_WARNING_MS,
    expected: { kind: "near", date: "2030-06-01", text: /expires on 2030-06-01/ },
  },
  { when: "it is over", nowMs: EXPIRES_MS, expected: { kind: "passed", text: /expired on 2030-06-01/ } },
];
for (const { when, nowMs, expected } of cases) {
  t.test(`the root's end is ${expected.kind} when ${when}`, async (t) =>
    t.match(rootExpiry(EXPIRES_MS, nowMs), expected),
  );
}
