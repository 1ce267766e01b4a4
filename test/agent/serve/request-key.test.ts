import t from "tap";
import { KEY_CHARS_MAX, requestKey } from "../../../agent/serve/request-key.ts";

t.test("the header is the key, and an empty one is none", async (t) => {
  t.same(requestKey({ "ferry-request-key": "user-17" }), { key: "user-17" });
  t.same(requestKey({ "ferry-request-key": ["a", "b"] }), { key: "a,b" });
  t.same(requestKey({ "ferry-request-key": "" }), {});
  t.same(requestKey({}), {});
});

t.test("a key that is too long is refused with both lengths", async (t) => {
  t.same(requestKey({ "ferry-request-key": "k".repeat(KEY_CHARS_MAX) }), { key: "k".repeat(KEY_CHARS_MAX) });
  t.throws(() => requestKey({ "ferry-request-key": "k".repeat(KEY_CHARS_MAX + 1) }), {
    status: 400,
    message: /257.*256/,
  });
});
