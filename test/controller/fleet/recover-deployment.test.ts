import t from "tap";
import { SEQUENCE_MAX } from "../../../controller/fleet/deployments.ts";
import { recoverDeployment } from "../../../controller/fleet/recover-deployment.ts";
import { reportOf, serving, slotFor, statement, DIGITS } from "../../support/device-views.ts";

const known = (wanted: string) => (wanted === statement("a") ? slotFor("a", "1.0.0") : undefined);

t.test("what a device runs by its own report becomes what it is to run, one sequence later", async (t) => {
  const report = reportOf("cam-1", { seq: 7, slots: [serving("a", "1.0.0")] });
  t.same(recoverDeployment(report, known), { kind: "recovered", seq: 8, slots: [slotFor("a", "1.0.0")] });
});

t.test("what runs counts, not what was wished and refused", async (t) => {
  const report = reportOf("cam-1", {
    seq: 7,
    slots: [serving("a", "1.0.0", { desired: statement("b"), phase: "failed" })],
  });
  t.match(recoverDeployment(report, known), { kind: "recovered", slots: [{ statement: statement("a") }] });
});

t.test("a device that runs nothing is to run nothing", async (t) => {
  const report = reportOf("cam-1", { seq: 3, slots: [{ slot: DIGITS, phase: "idle" }] });
  t.same(recoverDeployment(report, known), { kind: "recovered", seq: 4, slots: [] });
});

t.test("a bundle that the catalogue lacks holds everything: the device must not be emptied", async (t) => {
  const report = reportOf("cam-1", { seq: 7, slots: [serving("c", "3.0.0")] });
  t.match(recoverDeployment(report, known), { kind: "held", why: /digits@3\.0\.0.*push that bundle again/ });
});

t.test("a sequence that no wish leads to is not gone on with: somebody else has the director's key", async (t) => {
  const report = (seq: number) => reportOf("cam-1", { seq, slots: [serving("a", "1.0.0")] });
  t.match(recoverDeployment(report(SEQUENCE_MAX), known), { kind: "recovered" });
  for (const seq of [SEQUENCE_MAX + 1, Number.MAX_SAFE_INTEGER]) {
    t.match(recoverDeployment(report(seq), known), { kind: "held", why: /ferry root rotate director/ });
  }
});
