import t from "tap";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import { apiFailure, errorFrom } from "../../../controller/http/api-error.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { BundleRefused } from "../../../protocol/trust/model-signing.ts";

const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

const cases: readonly { thrown: unknown; status: number; code: string; exitCode: number }[] = [
  {
    thrown: new FerryError("not-found", "m", { exitCode: EXIT.notFound }),
    status: 404,
    code: "not-found",
    exitCode: 3,
  },
  { thrown: new FerryError("usage", "m", { exitCode: EXIT.usage }), status: 400, code: "usage", exitCode: 2 },
  { thrown: new FerryError("no", "m", { exitCode: EXIT.notAllowed }), status: 403, code: "no", exitCode: 4 },
  {
    thrown: new FerryError("version-taken", "m", { exitCode: EXIT.conflict }),
    status: 409,
    code: "version-taken",
    exitCode: 6,
  },
  {
    thrown: new FerryError("device-offline", "m", { exitCode: EXIT.unreachable }),
    status: 503,
    code: "device-offline",
    exitCode: 5,
  },
  {
    thrown: new FerryError("no-answer", "m", { exitCode: EXIT.timedOut }),
    status: 504,
    code: "no-answer",
    exitCode: 124,
  },
  { thrown: new FerryError("broken", "m"), status: 500, code: "broken", exitCode: 1 },
  { thrown: new FerryError("queue-full", "m"), status: 429, code: "queue-full", exitCode: 5 },
  { thrown: new BundleRefused("publisher-signature", "m"), status: 422, code: "publisher-signature", exitCode: 4 },
  { thrown: new ProtocolError("SCHEMA", "tensor", "m"), status: 400, code: "bad-request", exitCode: 2 },
  { thrown: new ProtocolError("OVERSIZE", "tensor", "m"), status: 413, code: "bad-request", exitCode: 2 },
  { thrown: full, status: 507, code: "disk-full", exitCode: 1 },
];

for (const { thrown, status, code, exitCode } of cases) {
  t.test(`${code} is ${String(status)} on the wire and ends the program with ${String(exitCode)}`, async (t) => {
    const failure = apiFailure(thrown);
    t.match(failure, { status, body: { code } });
    t.match(errorFrom(status, JSON.stringify(failure?.body)), { code, exitCode });
  });
}

t.test("a defect of the program is nobody's message", async (t) =>
  t.equal(apiFailure(new TypeError("x is undefined")), undefined),
);

t.test("an answer of another program is told as that", async (t) => {
  t.match(errorFrom(502, "<html>"), { code: "bad-answer", hint: /another program/ });
});
