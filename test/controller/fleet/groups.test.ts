import t from "tap";
import { join } from "node:path";
import {
  groupsNamedIn,
  listGroups,
  lookupIn,
  oneGroup,
  readSelector,
  setGroup,
} from "../../../controller/fleet/groups.ts";
import { selects } from "../../../controller/fleet/selector.ts";
import { openStore } from "../../../controller/store/store.ts";

t.test("groups in the database", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const { store } = opened;
  const set = (name: string, selector: string, replace = false) => setGroup(store, { name, selector, replace }, 1_000);

  await t.test("a group is created, stays as it is, and is changed only on demand", async (t) => {
    t.equal(await set("cams", "camera"), "created");
    t.equal(await set("cams", "camera"), "unchanged");
    await t.rejects(set("cams", "camera, site=oslo"), { code: "group-exists", message: /already: camera$/ });
    t.equal(await set("cams", "camera, site=oslo", true), "changed");
    t.match(await oneGroup(store, "cams"), { selector: "camera, site=oslo", created_ms: 1_000 });
  });

  await t.test("a selector that names a group means its devices", async (t) => {
    const selector = await readSelector(store, "tier=gold, @cams");
    t.ok(selects(selector, { camera: "front", site: "oslo", tier: "gold" }));
    t.notOk(selects(selector, { camera: "front", site: "bergen", tier: "gold" }));
  });

  await t.test("a group that does not exist is named, with the one that was probably meant", async (t) => {
    await t.rejects(readSelector(store, "@cmas"), {
      code: "not-found",
      message: /no group "cmas"; did you mean "cams"/,
    });
    await t.rejects(set("lab", "@nowhere"), { code: "not-found" });
    await t.rejects(oneGroup(store, "other"), { code: "not-found", hint: /ferry group list/ });
  });

  await t.test("a group may name groups, and not itself", async (t) => {
    t.equal(await set("gold-cams", "@cams, tier=gold"), "created");
    t.ok(selects(await readSelector(store, "@gold-cams"), { camera: "a", site: "oslo", tier: "gold" }));
    await t.rejects(set("cams", "!@gold-cams", true), {
      code: "group-cycle",
      message: /@cams → @gold-cams → @cams/,
    });
    await t.rejects(set("alone", "@alone"), { code: "group-cycle" });
    t.equal((await oneGroup(store, "cams")).selector, "camera, site=oslo");
  });

  await t.test("a selector that is none is refused, and nothing is stored", async (t) => {
    await t.rejects(set("bad", "site="), { code: "bad-selector" });
    t.same(
      (await listGroups(store)).map(({ name }) => name),
      ["cams", "gold-cams"],
    );
  });
});

t.test("a selector tells which groups it names", async (t) => {
  t.same(groupsNamedIn("a=b, @one, !@two, c in (x, y)"), ["one", "two"]);
  t.same(groupsNamedIn("site=oslo"), []);
});

t.test("where there is no group at all, the way to make one is told", async (t) => {
  t.throws(() => lookupIn([])("cams"), {
    code: "not-found",
    hint: "There is none at all. Make one with: ferry group create NAME -l SELECTOR",
  });
});
