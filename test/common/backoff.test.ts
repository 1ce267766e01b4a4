import t from "tap";
import { backoffMs, RECONNECT } from "../../common/backoff.ts";

t.test("the wait doubles from try to try up to its ceiling", async (t) => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 1_000_000].map((attempt) => backoffMs(RECONNECT, attempt, () => 1));
  t.same(longest, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

t.test("a random share of at least half keeps a fleet from returning together", async (t) => {
  t.equal(
    backoffMs(RECONNECT, 2, () => 0),
    2_000,
  );
  t.equal(
    backoffMs(RECONNECT, 2, () => 0.5),
    3_000,
  );
});
