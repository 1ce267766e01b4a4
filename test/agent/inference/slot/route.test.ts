import t from "tap";
import { placeOf, route, type Roles, type Route, type RoutedRequest } from "../../../../agent/inference/slot/route.ts";
import type { ModelVersion, StatementDigest } from "../../../../protocol/ids.ts";
import type { SoakTraffic } from "../../../../protocol/trust/soak-traffic.ts";

const [old, next] = ["a".repeat(64), "b".repeat(64)] as [StatementDigest, StatementDigest];
const [one, two, three] = ["1.0.0", "2.0.0", "3.0.0"] as [ModelVersion, ModelVersion, ModelVersion];
const active = { statement: old, version: one };

function roles(traffic: SoakTraffic, isReady = true): Roles {
  return { active, trial: { statement: next, version: two, traffic, isReady } };
}

/** A key on this side of the share. */
function keyWhere(holds: (place: number) => boolean): string {
  const key = Array.from({ length: 1_000 }, (_, at) => `key ${at}`).find((one) => holds(placeOf(one, next)));
  if (key === undefined) throw new Error("no key stands there");
  return key;
}

const within = keyWhere((place) => place < 0.1);
const beyond = keyWhere((place) => place >= 0.1);
const split = { kind: "split", share: 0.1 } as const;
const shadow = { kind: "shadow", share: 0.1 } as const;
const plain: Route = { kind: "active", isCopied: false };

const cases: readonly {
  readonly when: string;
  readonly roles: Roles;
  readonly request: Partial<RoutedRequest>;
  readonly then: Route | undefined;
}[] = [
  { when: "nothing soaks", roles: { active, trial: undefined }, request: {}, then: plain },
  { when: "the key is of the split's share", roles: roles(split), request: {}, then: { kind: "trial", to: next } },
  { when: "the key is of the others", roles: roles(split), request: { key: beyond }, then: plain },
  { when: "the version on trial restarts", roles: roles(split, false), request: {}, then: plain },
  { when: "a shadow gets a copy", roles: roles(shadow), request: {}, then: { kind: "active", isCopied: true } },
  { when: "a shadow gets none", roles: roles(shadow), request: { key: beyond }, then: plain },
  { when: "a shadow restarts", roles: roles(shadow, false), request: {}, then: plain },
  {
    when: "the request names the version that answers most, whatever its key",
    roles: roles(split),
    request: { version: one },
    then: { kind: "only", to: old },
  },
  {
    when: "the request names the version on trial, whatever its key",
    roles: roles(shadow),
    request: { version: two, key: beyond },
    then: { kind: "only", to: next },
  },
  {
    when: "it does so while that one restarts: it waits",
    roles: roles(split, false),
    request: { version: two },
    then: { kind: "only", to: next },
  },
  { when: "it names another", roles: roles(split), request: { version: three }, then: undefined },
];
for (const { when, roles, request, then } of cases) {
  t.test(when, async (t) => {
    t.strictSame(route(roles, { version: undefined, key: within, ...request }), then);
  });
}

t.test("keys of every kind are spread evenly, and a share of them is that share", async (t) => {
  const makers = [(at: number) => String(at), (at: number) => `user-${at}@example.org`, () => String(Math.random())];
  for (const make of makers) {
    const places = Array.from({ length: 20_000 }, (_, at) => placeOf(make(at), next));
    for (const share of [0.01, 0.1, 0.5]) {
      const part = places.filter((place) => place < share).length / places.length;
      // Four standard deviations of a share of 20,000.
      t.ok(Math.abs(part - share) < 4 * Math.sqrt((share * (1 - share)) / 20_000), `${String(part)} of ${share}`);
    }
  }
});

t.test("another version is tried by other keys", async (t) => {
  const keys = Array.from({ length: 10_000 }, (_, at) => `key ${at}`);
  const both = keys.filter((key) => placeOf(key, next) < 0.1 && placeOf(key, old) < 0.1).length;
  t.ok(both > 50 && both < 150, `${both} of 10,000 are of both tenths`);
});
