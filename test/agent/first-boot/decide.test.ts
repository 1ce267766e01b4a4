import t from "tap";
import { canHeal } from "../../../agent/first-boot/decide.ts";
import { EXIT } from "../../../common/ferry-error.ts";

const cases = [
  { what: "no network", code: "enrol-unreachable", exitCode: EXIT.unreachable, heals: true },
  { what: "too many that ask", code: "too-many", exitCode: EXIT.unreachable, heals: true },
  { what: "a captive portal", code: "enrol-impostor", exitCode: EXIT.notAllowed, heals: true },
  { what: "a full card", code: "ENOSPC", exitCode: undefined, heals: true },
  { what: "nobody who approves", code: "approval-timed-out", exitCode: EXIT.timedOut, heals: true },
  { what: "a used token", code: "token-used", exitCode: EXIT.notAllowed, heals: false },
  { what: "half a token", code: "bad-token", exitCode: EXIT.usage, heals: false },
  { what: "another root", code: "root-pin-mismatch", exitCode: EXIT.notAllowed, heals: false },
  { what: "a folder that has joined", code: "already-joined", exitCode: EXIT.conflict, heals: false },
];
for (const { what, code, exitCode, heals } of cases) {
  t.test(`${what} ${heals ? "is tried again" : "is for a person to change"}`, async (t) => {
    t.equal(canHeal({ code, exitCode }), heals);
  });
}
