import t from "tap";
import { shareProcessors } from "../../../../agent/inference/qualify/share-processors.ts";

const cases = [
  { when: "a model asks for nothing on one processor", serving: {}, processors: 1, then: [1, 1, 1] },
  { when: "it leaves one of four processors to the agent", serving: {}, processors: 4, then: [1, 3, 4] },
  { when: "there are more processors than an edge model keeps busy", serving: {}, processors: 16, then: [1, 4, 4] },
  { when: "two instances share what the agent leaves", serving: { instances: 2 }, processors: 8, then: [2, 3, 4] },
  { when: "it asks for more instances than processors", serving: { instances: 8 }, processors: 4, then: [4, 1, 1] },
  { when: "it asks for more threads than there are", serving: { intraOpThreads: 8 }, processors: 4, then: [1, 4, 4] },
  { when: "it asks for one thread", serving: { intraOpThreads: 1 }, processors: 4, then: [1, 1, 1] },
  {
    when: "instances times threads would be more than there are",
    serving: { instances: 3, intraOpThreads: 4 },
    processors: 8,
    then: [3, 2, 2],
  },
  { when: "a control group leaves a part of a processor", serving: { instances: 2 }, processors: 0.5, then: [1, 1, 1] },
] as const;
for (const { when, serving, processors, then } of cases) {
  t.test(`${then[0]} × ${then[1]} to ${then[2]} when ${when}`, async (t) => {
    const [instances, intraOpThreads, mostThreads] = then;
    t.same(shareProcessors(serving, processors), { instances, intraOpThreads, mostThreads });
  });
}
