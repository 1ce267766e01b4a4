import t from "tap";
import {
  anyText,
  listOf,
  mapOf,
  oneOf,
  placeIn,
  shown,
  wholeNumber,
  yesOrNo,
  type Reader,
  type Refusal,
} from "../../../controller/rollout/document-reader.ts";

function read<T>(reader: Reader<T>, value: unknown) {
  const refusals: Refusal[] = [];
  const result = reader(value, placeIn(refusals));
  return { result, refused: refusals.map(({ path, text }) => `${path.join(".")}: ${text}`) };
}

const shape = mapOf({ colour: oneOf("red", "blue"), sizes: listOf(wholeNumber), name: anyText, old: yesOrNo }, [
  "name",
]);

t.test("what is right is read, and a field without a value counts as not written", async (t) => {
  const { result, refused } = read(shape, { name: "a", sizes: [1, 2], colour: null });
  t.same(refused, []);
  t.same(result, { name: "a", sizes: [1, 2] });
});

t.test("every mistake is named with its place", async (t) => {
  const { refused } = read(shape, { colour: "rde", sizes: [1, "2"], old: "yes", size: 3 });
  t.same(refused, [
    'colour: "rde" is none of red, blue; did you mean red?',
    'sizes.1: "2" is not a whole number',
    'old: "yes" is neither true nor false',
    'size: there is no field "size"; did you mean sizes?',
    ": name is missing",
  ]);
});

t.test("a field is never one that every object has", async (t) => {
  t.match(read(shape, { name: "a", toString: 1 }).refused, ['toString: there is no field "toString"']);
});

t.test("what is no map or list says so", async (t) => {
  for (const other of [null, 5, "x", []])
    t.match(read(shape, other).refused, [/is not a list of fields: colour, sizes/]);
  t.match(read(listOf(anyText), "x").refused, [/"x" is not a list/]);
});

t.test("a value is shown as far as it is recognised", async (t) => {
  t.equal(shown({ a: 1 }), '{"a":1}');
  t.equal(shown(undefined), "nothing");
  t.equal(shown("x".repeat(1_000)).length, 60);
});
