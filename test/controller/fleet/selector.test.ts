import t from "tap";
import { FerryError } from "../../../common/ferry-error.ts";
import { parseSelector, selects } from "../../../controller/fleet/selector.ts";

const labels = { site: "oslo", tier: "gold", "app.version": "2" };

const matching: readonly { selector: string; matches: boolean; because: string }[] = [
  { selector: "", matches: true, because: "nothing is required" },
  { selector: "site=oslo", matches: true, because: "equal" },
  { selector: "site==oslo", matches: true, because: "== means the same" },
  { selector: "site=bergen", matches: false, because: "another value" },
  { selector: "site!=bergen", matches: true, because: "another value is excluded" },
  { selector: "frozen!=yes", matches: true, because: "!= holds without the label" },
  { selector: "site in (bergen, oslo)", matches: true, because: "one of them" },
  { selector: "site in (bergen)", matches: false, because: "none of them" },
  { selector: "site notin (bergen,tromso)", matches: true, because: "none of the excluded" },
  { selector: "frozen notin (yes)", matches: true, because: "notin holds without the label" },
  { selector: "site notin (oslo)", matches: false, because: "one of the excluded" },
  { selector: "tier", matches: true, because: "the label is there" },
  { selector: "frozen", matches: false, because: "the label is not there" },
  { selector: "!frozen", matches: true, because: "the label is not there" },
  { selector: "! tier", matches: false, because: "the label is there" },
  { selector: "site=oslo,tier=gold", matches: true, because: "both hold" },
  { selector: "site=oslo , tier=silver", matches: false, because: "one does not hold" },
  { selector: "app.version=2,!frozen,site in (oslo)", matches: true, because: "all three hold" },
  { selector: "constructor", matches: false, because: "only the labels themselves count" },
];

for (const { selector, matches, because } of matching) {
  t.test(`${JSON.stringify(selector)} ${matches ? "matches" : "does not match"}: ${because}`, async (t) => {
    t.equal(selects(parseSelector(selector), labels), matches);
  });
}

const refused: readonly { selector: string; says: RegExp }[] = [
  { selector: "site=", says: /character 6: expected a label value, found the end/ },
  { selector: "=oslo", says: /character 1: expected a label key or `!`, found `=`/ },
  { selector: "site=oslo,", says: /character 11: expected a label key or `!`, found the end/ },
  { selector: "site oslo", says: /character 6: expected `=`, `!=`, `in`, `notin` or `,`, found `oslo`/ },
  { selector: "site in oslo", says: /character 9: expected `\(`, found `oslo`/ },
  { selector: "site in (oslo", says: /character 14: expected `,` or `\)`, found the end/ },
  { selector: "site in ()", says: /character 10: expected a label value, found `\)`/ },
  { selector: "site=oslo tier=gold", says: /character 11: expected `,` or the end, found `tier`/ },
  { selector: "site=-oslo", says: /character 6: "-oslo" is no label text/ },
  { selector: "sité=oslo", says: /character 1: "sité" is no label text/ },
  { selector: `site=${"x".repeat(64)}`, says: /is no label text/ },
  { selector: "a,".repeat(1_500), says: /more than 2000 characters/ },
];

for (const { selector, says } of refused) {
  t.test(`${JSON.stringify(selector.slice(0, 40))} is refused with the place`, async (t) => {
    t.throws(() => parseSelector(selector), { code: "bad-selector", exitCode: 2, message: says });
    t.throws(() => parseSelector(selector), FerryError);
  });
}

t.test("@name stands for the devices of a group, !@name for the others", async (t) => {
  const groups = new Map([["cams", parseSelector("camera, site!=lab")]]);
  const parse = (text: string) => parseSelector(text, (name) => groups.get(name) ?? []);
  const camera = { camera: "front", site: "oslo" };
  const inLab = { camera: "front", site: "lab" };
  t.ok(selects(parse("@cams"), camera));
  t.notOk(selects(parse("@cams"), inLab));
  t.ok(selects(parse("camera, !@cams"), inLab));
  t.notOk(selects(parse("site=bergen, @cams"), camera));
});

t.test("a group that does not exist, and what is no name of one, are refused", async (t) => {
  t.throws(() => parseSelector("@cams"), { code: "not-found", message: 'There is no group "cams"' });
  t.throws(() => parseSelector("site=oslo, @Cams"), {
    code: "bad-selector",
    message: /character 12: "@Cams" names no group/,
  });
  t.throws(() => parseSelector("@"), { code: "bad-selector" });
  t.throws(() => parseSelector("site=@cams"), { code: "bad-selector", message: /no label text/ });
});
