import t from "tap";
import { sampleRatio } from "../../../controller/experiments/sample-ratio.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const counted = (aWeight: number, bWeight: number) => [[{ aTotal: 0, aWeight, bTotal: 0, bWeight }]];

const cases = [
  { when: "nothing came yet", arms: counted(20, 30), share: 0.5, then: "open" },
  { when: "the halves are as chance has it", arms: counted(4_950, 5_050), share: 0.5, then: "sound" },
  { when: "a tenth is a tenth", arms: counted(9_020, 980), share: 0.1, then: "sound" },
  { when: "B got clearly less", arms: counted(5_400, 4_600), share: 0.5, then: "broken" },
  { when: "B got clearly more", arms: counted(8_500, 1_500), share: 0.1, then: "broken" },
] as const;
for (const { when, arms, share, then } of cases) {
  t.test(`${then} where ${when}`, async (t) =>
    t.match(sampleRatio(arms, share, 0), { verdict: then, expected: share }),
  );
}

t.test("what broke it is guessed at, in words", async (t) => {
  t.match(
    sampleRatio(counted(5_400, 4_600), 0.5, 3).text,
    /46 % of 10,000 requests, and not the 50 %.*crashed \(3 times\).*request keys/,
  );
  t.notMatch(
    sampleRatio(counted(4_600, 5_400), 0.5, 3).text,
    /crashed/,
    "a version that was away has no more than its share",
  );
});

t.test("requests that come in lumps break nothing", async (t) => {
  const random = seededRandom(5);
  // Each minute's twenty requests have one key, and so one version.
  const blocks = Array.from({ length: 200 }, () =>
    random() < 0.5
      ? { aTotal: 0, aWeight: 20, bTotal: 0, bWeight: 0 }
      : { aTotal: 0, aWeight: 0, bTotal: 0, bWeight: 20 },
  );
  const said = sampleRatio([blocks], 0.5, 0);
  t.equal(said.verdict, "sound", JSON.stringify(said));
});

t.test("who looks after every fifty of 5,000 requests calls hardly any sound one broken", async (t) => {
  const random = seededRandom(8);
  let broken = 0;
  for (let run = 0; run < 100; run += 1) {
    const sums = { aTotal: 0, aWeight: 0, bTotal: 0, bWeight: 0 };
    for (let look = 0; look < 100; look += 1) {
      for (let n = 0; n < 50; n += 1) {
        if (random() < 0.3) sums.bWeight += 1;
        else sums.aWeight += 1;
      }
      if (sampleRatio([[sums]], 0.3, 0).verdict !== "broken") continue;
      broken += 1;
      break;
    }
  }
  t.ok(broken <= 1, `${broken} of 100`);
});
