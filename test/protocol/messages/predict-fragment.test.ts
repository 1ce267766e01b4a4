import t from "tap";
import { encodeCbor } from "../../../protocol/cbor.ts";
import { PREDICT_BYTES_MAX, PREDICT_FRAGMENT_BYTES, PUBLISH_BYTES_MAX } from "../../../protocol/limits.ts";
import {
  PredictReassembly,
  REASSEMBLY_MS_MAX,
  splitPredictMessage,
} from "../../../protocol/messages/predict-fragment.ts";

function message(bytes: number): Uint8Array {
  return encodeCbor({ data: Uint8Array.from({ length: bytes }, (_, at) => at % 251) });
}

t.test("a message that fits one publish stays whole, in either encoding", async (t) => {
  const reassembly = new PredictReassembly();
  for (const whole of [message(100), Buffer.from('{"id": "q"}')]) {
    t.same(splitPredictMessage("q", whole), [whole]);
    t.equal(reassembly.accept("topic", whole, 0), whole);
  }
});

t.test("a large message comes back from its parts, in any order and with duplicates", async (t) => {
  const whole = message(5 * PREDICT_FRAGMENT_BYTES + 17);
  const parts = splitPredictMessage("q", whole);
  t.equal(parts.length, 6);
  t.ok(parts.every((part) => part.byteLength <= PUBLISH_BYTES_MAX));
  for (const order of [parts, [...parts].reverse(), parts.flatMap((part) => [part, part])]) {
    const reassembly = new PredictReassembly();
    const done = order.map((part) => reassembly.accept("topic", part, 0)).filter((each) => each !== undefined);
    t.equal(done.length, 1);
    t.equal(Buffer.compare(done[0] ?? new Uint8Array(), whole), 0);
  }
});

t.test("parts of two senders with the same id are kept apart", async (t) => {
  const reassembly = new PredictReassembly();
  const [a, b] = [splitPredictMessage("q", message(70_000)), splitPredictMessage("q", message(90_000))];
  for (const [sender, parts] of [
    ["a", a],
    ["b", b],
  ] as const) {
    for (const part of parts.slice(1)) t.equal(reassembly.accept(sender, part, 0), undefined);
  }
  t.ok(reassembly.accept("a", a[0] ?? new Uint8Array(), 0));
  t.ok(reassembly.accept("b", b[0] ?? new Uint8Array(), 0));
});

t.test("parts that come too late begin anew", async (t) => {
  const reassembly = new PredictReassembly();
  const [first = new Uint8Array(), second = new Uint8Array()] = splitPredictMessage("q", message(70_000));
  t.equal(reassembly.accept("topic", first, 0), undefined);
  t.equal(reassembly.accept("topic", second, REASSEMBLY_MS_MAX + 1), undefined);
  t.ok(reassembly.accept("topic", first, REASSEMBLY_MS_MAX + 2));
});

t.test("memory is bounded: in one message, in many, and in their number", async (t) => {
  t.throws(() => splitPredictMessage("q", new Uint8Array(PREDICT_BYTES_MAX + 1)), { code: "OVERSIZE" });

  const fragment = new Uint8Array(PREDICT_FRAGMENT_BYTES);
  const many = new PredictReassembly();
  const begin = (id: string) =>
    many.accept("topic", encodeCbor({ id, part: 0, parts: 2, fragment: new Uint8Array(1) }), 0);
  for (let at = 0; at < 64; at += 1) begin(`q${at}`);
  t.throws(() => begin("q64"), { code: "OVERSIZE", message: /too many predictions in parts/ });
  t.doesNotThrow(() =>
    many.accept("topic", encodeCbor({ id: "later", part: 0, parts: 2, fragment }), REASSEMBLY_MS_MAX + 1),
  );

  const large = new PredictReassembly();
  const fill = () => {
    for (let id = 0; id < 3; id += 1) {
      for (let part = 0; part < 279; part += 1)
        large.accept("topic", encodeCbor({ id: `q${id}`, part, parts: 280, fragment }), 0);
    }
  };
  t.throws(fill, { code: "OVERSIZE" });
});

t.test("parts that make no sense are refused", async (t) => {
  const reassembly = new PredictReassembly();
  const fragment = new Uint8Array(4);
  const send = (value: unknown) => () => reassembly.accept("topic", encodeCbor(value), 0);
  t.throws(send({ id: "q", part: 0, parts: 1, fragment }), { code: "SCHEMA" });
  t.throws(send({ id: "q", part: 0, parts: 281, fragment }), { code: "SCHEMA" });
  t.throws(send({ id: "q", part: 0, parts: 2, fragment: "text" }), { code: "SCHEMA" });
  t.throws(send({ id: "q", part: 2, parts: 2, fragment }), { code: "SCHEMA", message: /disagree/ });
  t.doesNotThrow(send({ id: "p", part: 0, parts: 2, fragment }));
  t.throws(send({ id: "p", part: 1, parts: 3, fragment }), { code: "SCHEMA", message: /the parts of p disagree/ });
  t.throws(() => reassembly.accept("topic", new Uint8Array(PUBLISH_BYTES_MAX + 1), 0), { code: "OVERSIZE" });
});
