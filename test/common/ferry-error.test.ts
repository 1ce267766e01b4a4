import t from "tap";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";

t.test("an error carries its code, what to do, how to exit and its cause", async (t) => {
  const cause = new Error("ENOSPC");
  const error = new FerryError("disk-full", "The disk is full", {
    hint: "Free some space.",
    exitCode: EXIT.conflict,
    cause,
  });
  t.match(error, { code: "disk-full", message: "The disk is full", hint: "Free some space.", exitCode: 6, cause });
  t.equal(new FerryError("x", "y").exitCode, EXIT.failed);
});

t.test("whatever was thrown has a text, and a system code where it has one", async (t) => {
  t.equal(messageOf(new Error("a")), "a");
  t.equal(messageOf("b"), "b");
  t.equal(systemCodeOf(Object.assign(new Error("c"), { code: "EADDRINUSE" })), "EADDRINUSE");
  t.equal(systemCodeOf("d"), undefined);
});
