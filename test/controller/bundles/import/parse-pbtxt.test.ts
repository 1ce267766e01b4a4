import t from "tap";
import { parsePbtxt } from "../../../../controller/bundles/import/parse-pbtxt.ts";

t.test("all forms of the text format that configurations use mean the same", async (t) => {
  const wanted = { input: [{ name: ["x"], dims: [3, -1] }], max_batch_size: [8] };
  for (const text of [
    'input [ { name: "x" dims: [ 3, -1 ] } ] max_batch_size: 8',
    "input { name: 'x', dims: 3; dims: -1 }\nmax_batch_size: 0x8",
    'input: < name: "x" dims: [3,-1] > # < is {\nmax_batch_size: 010',
    'input:[{name:"\\x78"dims:[3]dims:[-1]}],max_batch_size:8;',
  ]) {
    t.same(parsePbtxt(text), wanted, text);
  }
});

t.test("values are numbers, truths, names and texts", async (t) => {
  const text = String.raw`a: 1.5e-3f b: true c: TYPE_FP32 d: "tab\there \"quoted\" " 'and \303\251 joined \u00e9' e: -inf f: [] g {} [my.ext]: 1 h: .5`;
  t.same(parsePbtxt(text), {
    a: [0.0015],
    b: [true],
    c: ["TYPE_FP32"],
    d: ['tab\there "quoted" and é joined é'],
    e: [-Infinity],
    f: [],
    g: [{}],
    "[my.ext]": [1],
    h: [0.5],
  });
});

const wrong: readonly [string, RegExp][] = [
  ["name: ", /line 1: the file ends where a value was expected/],
  ['a {\n  b: 1\n\nc: "x"', /line 4: a field's name was expected, not the end of the file/],
  ["}", /line 1: a field's name was expected, not "}"/],
  ["a: 1\nb: [1 2]", /line 2: "," or "\]" was expected in the list, not "2"/],
  ['a: "open', /line 1: a string is not closed on its line/],
  ["a: 1x", /line 1: a value was expected, not "1x"/],
  ["a: -x", /a value was expected, not "x"/],
  [String.raw`a: "\q"`, /\\q is no escape/],
  [String.raw`a: "\UFFFFFFFF"`, /is no character/],
  ["[a", /the name of an extension is not closed/],
  ["a {".repeat(40), /nested more than 32 deep/],
];
for (const [text, message] of wrong) {
  t.test(`${JSON.stringify(text.slice(0, 20))} is refused with its line`, async (t) => {
    t.throws(() => parsePbtxt(text), { name: "PbtxtMalformed", message });
  });
}

t.test("a file of a megabyte of blanks, comments or nothing but signs is read or refused at once", async (t) => {
  t.same(parsePbtxt(" ".repeat(1_000_000)), {});
  t.same(parsePbtxt("# x\n".repeat(250_000)), {});
  t.throws(() => parsePbtxt("[".repeat(1_000_000)), { name: "PbtxtMalformed" });
  t.equal(parsePbtxt("a: 1 ".repeat(200_000))["a"]?.length, 200_000);
});
