import t from "tap";
import { judgeHealth, type HealthFacts } from "../../../agent/self-update/health.ts";
import type { ModelName, StatementDigest } from "../../../protocol/ids.ts";

const [a, b] = ["a".repeat(64), "b".repeat(64)] as [StatementDigest, StatementDigest];
const digits = "digits" as ModelName;
const wished = new Map([[digits, a]]);
const before = [{ slot: digits, statement: a }];

const cases: readonly { when: string; given: HealthFacts; then: object }[] = [
  {
    when: "nothing answered before",
    given: { before: [], served: [], wished: new Map() },
    then: { kind: "healthy", models: 0 },
  },
  {
    when: "the same answers",
    given: { before, served: [{ slot: digits, statement: a, ready: true }], wished },
    then: { kind: "healthy", models: 1 },
  },
  {
    when: "nothing answers",
    given: { before, served: [], wished },
    then: { kind: "unhealthy", why: /digits answered/ },
  },
  {
    when: "an older one answers in its place",
    given: { before, served: [{ slot: digits, statement: b, ready: true }], wished },
    then: { kind: "unhealthy", why: /digits answered/ },
  },
  {
    when: "what is wished by now answers in its place",
    given: { before, served: [{ slot: digits, statement: b, ready: true }], wished: new Map([[digits, b]]) },
    then: { kind: "healthy", models: 1 },
  },
  {
    when: "nobody wishes it any more",
    given: { before, served: [], wished: new Map() },
    then: { kind: "healthy", models: 0 },
  },
  {
    when: "its process starts again",
    given: { before, served: [{ slot: digits, statement: a, ready: false }], wished },
    then: { kind: "waiting", why: /digits is being started again/ },
  },
];
for (const { when, given, then } of cases) {
  t.test(when, async (t) => {
    t.match(judgeHealth(given), then);
  });
}
