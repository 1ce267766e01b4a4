import t from "tap";
import { planMemoryGroups, type GroupView } from "../../../agent/hardware/plan-memory-groups.ts";

const delegated: GroupView = {
  version: 2,
  isNested: true,
  controllers: ["cpu", "memory"],
  given: [],
  isWritable: true,
  otherProcesses: 0,
};

t.test("a delegated group is shared out, and it is remembered where it is already", async (t) => {
  t.same(planMemoryGroups(delegated), { kind: "groups", gives: false });
  t.same(planMemoryGroups({ ...delegated, given: ["memory"], otherProcesses: 3 }), { kind: "groups", gives: true });
});

const watched: readonly { when: string; view: Partial<GroupView>; says: RegExp }[] = [
  { when: "there are no groups", view: { version: undefined }, says: /no control groups for memory/ },
  { when: "they are of version 1", view: { version: 1 }, says: /version 1/ },
  { when: "it is in the root", view: { isNested: false }, says: /root of the control groups/ },
  { when: "memory is not delegated", view: { controllers: ["pids"] }, says: /Delegate=yes/ },
  {
    when: "the group is somebody else's",
    view: { isWritable: false },
    says: /may not make control groups .*Delegate=yes/,
  },
  { when: "others stand in it", view: { otherProcesses: 2 }, says: /2 other processes/ },
];
for (const { when, view, says } of watched) {
  t.test(`runners are watched where ${when}`, async (t) => {
    t.match(planMemoryGroups({ ...delegated, ...view }), { kind: "watch", why: says });
  });
}
