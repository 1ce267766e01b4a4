import t from "tap";
import type { ModelName, ModelVersion, Sha256, StatementDigest } from "../../../protocol/ids.ts";
import { DETAIL_BYTES_MAX } from "../../../agent/link/bound-details.ts";
import { slotReports } from "../../../agent/link/slot-reports.ts";
import type { SlotProgress } from "../../../agent/update/run.ts";
import type { HeldBundle, SlotState } from "../../../agent/update/state.ts";
import { digitsFolder } from "../../support/model-folders.ts";

const slot = "digits" as ModelName;
const bundle = digitsFolder("1.0.0");
const active: HeldBundle = {
  model: slot,
  version: bundle.model.version,
  statement: bundle.statement,
  rollbackIndex: 0,
};
const statement = "2".repeat(64) as StatementDigest;
const archive = { sha256: "3".repeat(64) as Sha256, length: 1_000, chunkList: "4".repeat(64) as Sha256 };
const wish = { slot, model: slot, version: "1.1.0" as ModelVersion, statement, archive };
const kept = { active, lastKnownGood: null, work: 1, wish, seq: 1 };
const evidence = {
  provider: "cpu",
  loadMs: 1,
  warmUpMs: 1,
  goldenCases: 1,
  goldenPassed: 1,
  latencyP50Ms: 1,
  latencyP95Ms: 1,
  memoryBytes: 1,
  qualifiedAtMs: 1,
};
const served = { slot, bundle, evidence, sinceMs: 5, ready: true };
const refusal = { code: "disk-full", message: "no room" } as const;

const transferring: SlotState = { phase: "transferring", ...kept, tries: 0, deadlineMs: 9 };
const waiting: SlotState = { phase: "waiting", ...kept, tries: 1, retryAtMs: 9, refusal };

function progress(state: SlotState, doneBytes?: number): SlotProgress {
  return { slot, state, doneBytes, observation: undefined };
}

t.test("what answers is said by the engine, not by the state", async (t) => {
  const [asServed] = slotReports([progress(transferring, 250)], [served]);
  t.match(asServed, {
    phase: "transferring",
    desired: statement,
    active: { version: "1.0.0", statement: bundle.statement, sinceMs: 5, evidence },
    transfer: { doneBytes: 250, totalBytes: 1_000 },
  });
  for (const answering of [[], [{ ...served, ready: false }]]) {
    const [report] = slotReports([progress(transferring)], answering);
    t.equal(report?.active, undefined, "a runner that restarts answers nothing at the moment");
    t.equal(report?.transfer, undefined);
  }
});

t.test("how fast the archive of the wish came is told in every phase after", async (t) => {
  const [report] = slotReports([{ ...progress(waiting), fetched: { bytes: 900, ms: 30 } }], [served]);
  t.strictSame(report?.fetched, { bytes: 900, ms: 30 });
});

t.test("a wait between attempts is a transfer with the reason why it is not done", async (t) => {
  const [report] = slotReports([progress(waiting)], [served]);
  t.match(report, { phase: "transferring", refusal });
});

t.test("the last-known-good bundle is named", async (t) => {
  const state: SlotState = { ...transferring, lastKnownGood: active };
  const [report] = slotReports([progress(state, 0)], []);
  t.strictSame(report?.lastKnownGood, { model: slot, version: "1.0.0", statement: bundle.statement });
});

t.test("a slot that soaks says how the candidate does, and what stands by", async (t) => {
  const candidate = { ...active, version: wish.version, statement };
  const state: SlotState = { phase: "soaking", ...kept, tries: 0, candidate, untilMs: 9, hasPassed: false };
  const observation = {
    requests: 7,
    failed: 2,
    badOutputs: 0,
    recentCrashes: 0,
    timed: 5,
    latencyP95Ms: 1,
    budgetP95Ms: undefined,
    agreement: { compared: 0, alike: 0, dropped: 0 },
  };
  const [watched] = slotReports([{ ...progress(state), observation }], []);
  t.match(watched, { phase: "soaking", soak: { untilMs: 9, requests: 7, failed: 2 }, desired: statement });
  t.strictSame(watched?.lastKnownGood, { model: slot, version: "1.0.0", statement: bundle.statement });
  const [unconfirmed] = slotReports([progress({ ...state, untilMs: null })], []);
  t.strictSame(unconfirmed?.soak, { requests: 0, failed: 0 });
});

t.test("a slot whose candidate soaks beside what answers says how both do, and how often they agree", async (t) => {
  const candidate = { ...active, version: wish.version, statement };
  const traffic = { kind: "split", share: 0.1 } as const;
  const state: SlotState = { phase: "soaking", ...kept, tries: 0, candidate, untilMs: 9, hasPassed: false, traffic };
  const figures = { requests: 7, failed: 2, badOutputs: 0, recentCrashes: 0, timed: 5, latencyP95Ms: 1 };
  const former = { ...figures, requests: 70, failed: 0 };
  const agreement = { compared: 20, alike: 19, dropped: 3 };
  const observation = { ...figures, budgetP95Ms: undefined, former, agreement };
  const [said] = slotReports([{ ...progress(state), observation }], [served]);
  t.strictSame(said?.soak, {
    untilMs: 9,
    requests: 7,
    failed: 2,
    latencyP95Ms: 1,
    traffic,
    former: { requests: 70, failed: 0, latencyP95Ms: 1 },
    compared: 20,
    alike: 19,
    copiesDropped: 3,
  });
  t.match(said, { active: { version: "1.0.0" }, lastKnownGood: undefined });
});

t.test("a slot that was rolled back says why", async (t) => {
  const reason = { code: "soak-errors", message: "9 of 10 failed" } as const;
  const state: SlotState = { phase: "rolled-back", ...kept, refusal: reason, retryAtMs: 9 };
  t.match(slotReports([progress(state)], [served])[0], {
    phase: "rolled-back",
    refusal: reason,
    active: { statement: bundle.statement },
  });
});

t.test("sentences and figures beside the evidence are left out where a report would not fit one publish", async (t) => {
  const why = "é".repeat(160);
  const failedProviders = Array.from({ length: 8 }, () => ({ provider: "p".repeat(32), why }));
  const variants = Array.from({ length: 6 }, () => ({
    name: "v".repeat(32),
    provider: "cpu",
    latencyP95Ms: 1.23,
    why,
  }));
  const full = { ...served, evidence: { ...evidence, failedProviders, variants } };
  const names = Array.from({ length: 16 }, (_, at) => `model-${String(at)}` as ModelName);
  const reports = slotReports(
    names.map((name) => ({ ...progress(waiting), slot: name })),
    names.map((name) => ({ ...full, slot: name })),
  );
  t.same(reports[0]?.active?.evidence, full.evidence);
  t.same(reports[15]?.active?.evidence, evidence, "the evidence itself is always there");
  const details = reports.map(({ active: one }) => [one?.evidence.failedProviders, one?.evidence.variants]);
  t.ok(Buffer.byteLength(JSON.stringify(details)) < DETAIL_BYTES_MAX + 1_000);
});
