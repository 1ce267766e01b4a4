import t from "tap";
import { afterSign, afterState, hasAgedOut, type Presence } from "../../../controller/fleet/presence.ts";
import type { SessionId } from "../../../protocol/ids.ts";

const first = "1111111111111111" as SessionId;
const second = "2222222222222222" as SessionId;
const said = (state: "online" | "offline", session: SessionId) => ({
  state,
  session,
  bootId: "b",
  atMs: 0,
  agentVersion: "0.1.0",
});
const online = (session: SessionId): Presence => ({ online: true, session });
const dead = (session: SessionId): Presence => ({ online: false, session });
const silent: Presence = { online: false, session: null };

const cases: readonly {
  name: string;
  before: Presence;
  event: "birth" | "death" | "sign";
  of: SessionId;
  after: Presence;
}[] = [
  { name: "a birth makes it online", before: silent, event: "birth", of: first, after: online(first) },
  {
    name: "the death of its session makes it offline",
    before: online(first),
    event: "death",
    of: first,
    after: dead(first),
  },
  {
    name: "a late death of an earlier session changes nothing",
    before: online(second),
    event: "death",
    of: first,
    after: online(second),
  },
  {
    name: "a reconnect before the will: the new birth wins",
    before: online(first),
    event: "birth",
    of: second,
    after: online(second),
  },
  { name: "a sign of life revives one that aged out", before: silent, event: "sign", of: first, after: online(first) },
  {
    name: "an echo of a session that died revives nothing",
    before: dead(first),
    event: "sign",
    of: first,
    after: dead(first),
  },
  {
    name: "a sign of another session than the dead one is a new life",
    before: dead(first),
    event: "sign",
    of: second,
    after: online(second),
  },
  { name: "a death after it aged out is remembered", before: silent, event: "death", of: first, after: dead(first) },
];

for (const { name, before, event, of, after } of cases) {
  t.test(name, async (t) => {
    const result =
      event === "sign" ? afterSign(before, of) : afterState(before, said(event === "birth" ? "online" : "offline", of));
    t.same(result, after);
  });
}

t.test("a device ages out after two and a half of its own heartbeats, not before", async (t) => {
  t.equal(hasAgedOut(0, 30_000, 75_000), false);
  t.equal(hasAgedOut(0, 30_000, 75_001), true);
});

t.test("before its first report a heartbeat of a minute is assumed", async (t) => {
  t.equal(hasAgedOut(0, null, 150_000), false);
  t.equal(hasAgedOut(0, null, 150_001), true);
});
