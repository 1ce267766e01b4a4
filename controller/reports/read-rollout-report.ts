import { eventsOfRollout } from "../fleet/events.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { oneRollout } from "../rollout/apply-verb.ts";
import { readShownMembers } from "../rollout/read-shown-members.ts";
import { readTally, windowViewOf } from "../rollout/read-situation.ts";
import { factsOf, gateReadingOf } from "../rollout/rollout-rows.ts";
import type { Store } from "../store/store.ts";
import type { ReportDocument } from "./document.ts";
import type { ReportQuestion } from "./report-question.ts";
import { MEMBERS_MAX, rolloutDocument } from "./rollout-document.ts";

/** The newest: `ferry rollout history` has all. */
const EVENTS_MAX = 60;

/** Throws `not-found`. */
export async function readRolloutReport(
  store: Store,
  { rollout: id }: Extract<ReportQuestion, { kind: "rollout" }>,
  nowMs: number,
): Promise<ReportDocument> {
  const row = await oneRollout(store, id);
  const { rows: members, offline, from } = await readShownMembers(store, id, MEMBERS_MAX);
  const views = await readDevices(
    store,
    members.map(({ device }) => device),
  );
  const facts = factsOf(row);
  const gates = gateReadingOf(row);
  const events = await eventsOfRollout(store, id, EVENTS_MAX);
  return rolloutDocument({
    row,
    facts,
    tally: await readTally(store, id),
    members,
    views: new Map(views.map((view) => [view.id, view])),
    offline,
    from,
    gates: gates?.stage === row.stage ? gates : undefined,
    window: windowViewOf(facts.spec, nowMs),
    events: events.map(({ at_ms: atMs, text }) => ({ atMs, text })),
    atMs: nowMs,
  });
}
