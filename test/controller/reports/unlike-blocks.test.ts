import t from "tap";
import type { ClassVerdict } from "../../../controller/drift/class-shape.ts";
import { unlikeBlocks, unlikeFindings } from "../../../controller/reports/unlike-blocks.ts";

const verdict = (device: string, differs: boolean): ClassVerdict => ({
  ...{ hardware: "raspberry-pi-5", device, slot: "digits", version: "1.0.0", differs, compared: 66 },
  ...{ unlike: differs ? 3 : 0, features: differs ? [{ feature: "pixels[3]", psi: 0.734 }] : [], sentence: "" },
});

t.test("a device that differs from its class is a finding with what to look at, and a row", async (t) => {
  const verdicts = [verdict("cam-1", true), verdict("cam-2", false)];
  t.match(unlikeFindings(verdicts), [
    {
      severity: "warning",
      devices: ["cam-1"],
      text: "digits@1.0.0 on cam-1 differs from the other raspberry-pi-5 in 3 of 66 features, most in pixels[3] (psi 0.734)",
      next: /sensor .*ferry drift show digits@1\.0\.0 'pixels\[3\]' --device cam-1/,
    },
  ]);
  t.match(unlikeBlocks(verdicts), [{ kind: "table", rows: [[{ text: "cam-1" }]] }]);
});

t.test("many are one finding more, and none is nothing", async (t) => {
  const many = Array.from({ length: 20 }, (_, at) => verdict(`cam-${at}`, true));
  const findings = unlikeFindings(many);
  t.equal(findings.length, 6);
  t.match(findings.at(-1), { text: /^15 more devices/, next: /ferry drift devices/ });
  t.match(unlikeBlocks(many), [{ rows: { length: 15 }, leftOut: 5 }]);
  t.same([...unlikeFindings([verdict("cam-1", false)]), ...unlikeBlocks([verdict("cam-1", false)])], []);
});
