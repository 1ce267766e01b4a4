import t from "tap";
import { glibcVersion } from "../../../agent/hardware/glibc-version.ts";

t.test("the C library says which it is", async (t) => {
  t.match(glibcVersion(), /^2\.\d+$/);
});
