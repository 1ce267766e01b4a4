import t from "tap";
import { nextVersion } from "../../../controller/bundles/next-version.ts";

for (const { when, given, then } of [
  { when: "there is none", given: [], then: "1.0.0" },
  { when: "there is one", given: ["1.0.0"], then: "1.1.0" },
  { when: "they are in any order", given: ["1.9.3", "1.10.0", "1.2.0"], then: "1.11.0" },
  { when: "one has more to its name", given: ["2.0.0-int8", "1.4.0"], then: "2.1.0" },
  { when: "none is of three numbers", given: ["3", "final", "1.2", "1.2.3.4"], then: "1.0.0" },
]) {
  t.test(`${then} where ${when}`, async (t) => t.equal(nextVersion(given), then));
}
