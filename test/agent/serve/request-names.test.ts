import t from "tap";
import { KEY_CHARS_MAX, requestNames } from "../../../agent/serve/request-names.ts";

t.test("the header is the key, and an empty one is none", async (t) => {
  t.same(requestNames({ "ferry-request-key": "user-17" }), { key: "user-17" });
  t.same(requestNames({ "ferry-request-key": ["a", "b"] }), { key: "a,b" });
  t.same(requestNames({ "ferry-request-key": "" }), {});
  t.same(requestNames({}), {});
  t.same(requestNames({ "x-request-id": "r-1" }), { id: "r-1" });
});

t.test("a key that is too long is refused with both lengths", async (t) => {
  t.same(requestNames({ "ferry-request-key": "k".repeat(KEY_CHARS_MAX) }), { key: "k".repeat(KEY_CHARS_MAX) });
  t.throws(() => requestNames({ "ferry-request-key": "k".repeat(KEY_CHARS_MAX + 1) }), {
    status: 400,
    message: /257.*256/,
  });
});
