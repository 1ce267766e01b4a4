import t from "tap";
import { bytes, counted, duration, labelsText, milliseconds, percent } from "../../../controller/cli/human.ts";

const texts: readonly [string, string][] = [
  [bytes(0), "0 B"],
  [bytes(999), "999 B"],
  [bytes(1_000), "1.0 kB"],
  [bytes(24_064), "24 kB"],
  [bytes(999_700), "1.0 MB"],
  [bytes(4.2e9), "4.2 GB"],
  [duration(0), "0s"],
  [duration(59_400), "59s"],
  [duration(60_000), "1m"],
  [duration(3_599_000), "59m"],
  [duration(86_400_000 * 12), "12d"],
  [duration(-5_000), "0s"],
  [percent(0), "0 %"],
  [percent(1), "100 %"],
  [percent(0.0021), "0.21 %"],
  [percent(0.5), "50.0 %"],
  [milliseconds(0.123), "0.12 ms"],
  [milliseconds(12.34), "12.3 ms"],
  [counted(1, "device"), "1 device"],
  [counted(0, "device"), "0 devices"],
  [labelsText({ tier: "gold", site: "oslo" }), "site=oslo,tier=gold"],
];
for (const [at, [text, expected]] of texts.entries()) {
  t.test(`${String(at + 1)}: ${expected}`, async (t) => t.equal(text, expected));
}
