import t from "tap";
import {
  PendingRequest,
  RequestQueue,
  REQUESTS_WAITING_MAX,
  WAITING_BYTES_MAX,
} from "../../../../agent/inference/slot/request-queue.ts";
import type { ModelName, StatementDigest } from "../../../../protocol/ids.ts";

const any = () => true;

function pending(t: { teardown: (undo: () => void) => void }, bytes = 4, only?: StatementDigest): PendingRequest {
  const inputs = [{ name: "x", datatype: "UINT8" as const, shape: [bytes], bytes: new Uint8Array(bytes) }];
  const request = new PendingRequest({ slot: "m" as ModelName, inputs, timeoutMs: 60_000 }, only);
  request.settled.catch(() => undefined);
  t.teardown(() => {
    request.resolve({} as never);
  });
  return request;
}

t.test("requests are taken in the order in which they came, and a retried one first", async (t) => {
  const queue = new RequestQueue();
  const requests = [pending(t), pending(t), pending(t)];
  for (const request of requests) queue.push(request);
  const [first, second] = [queue.take(any), queue.take(any)];
  if (first === undefined || second === undefined) throw new Error("nothing was taken");
  queue.putBack(second);
  queue.putBack(first);
  t.same(
    [queue.take(any), queue.take(any), queue.take(any)].map((each) => requests.indexOf(each ?? pending(t))),
    [0, 1, 2],
  );
  t.equal(queue.take(any), undefined);
});

t.test("the queue is full at its bounds, but one request of any size is taken", async (t) => {
  const many = new RequestQueue();
  for (let at = 0; at < REQUESTS_WAITING_MAX; at += 1) t.ok(many.push(pending(t)));
  t.notOk(many.push(pending(t)));
  const large = new RequestQueue();
  t.ok(large.push(pending(t, WAITING_BYTES_MAX + 1)));
  t.notOk(large.push(pending(t, 1)));
});

t.test("a request that nobody waits for any more is not taken and takes no room", async (t) => {
  const queue = new RequestQueue();
  const [given, kept] = [pending(t), pending(t)];
  queue.push(given);
  queue.push(kept);
  given.resolve({} as never);
  t.equal(queue.length, 1);
  t.equal(queue.take(any), kept);
});

t.test("requests are bound to a bundle only once", async (t) => {
  const queue = new RequestQueue();
  const [bound, free] = [pending(t, 1, "a" as StatementDigest), pending(t)];
  queue.push(bound);
  queue.push(free);
  queue.pinUnpinned("b" as StatementDigest);
  t.same([bound.only, free.only], ["a", "b"]);
});
