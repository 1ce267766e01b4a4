import t from "tap";
import { jsonAnswer } from "../../../agent/serve/http-answer.ts";
import { pathOf, Router } from "../../../agent/serve/routes.ts";

t.test("a path is read without query, without slashes at its end, and without the host before it", async (t) => {
  for (const [target, path] of [
    ["/v2", "/v2"],
    ["/v2/", "/v2"],
    ["/v2/models/digits//", "/v2/models/digits"],
    ["/", "/"],
    ["//", "/"],
    ["/v2?verbose=1", "/v2"],
    ["/?x=/y/", "/"],
    ["http://device:8080/v2/", "/v2"],
    ["http://device:8080", "/"],
    ["*", "*"],
  ] as const) {
    t.equal(pathOf(target), path, target);
  }
});

t.test("names in a path may be escaped; a slash in a name is no part of the path", async (t) => {
  const router = new Router(
    new Map([
      ["GET /v2/models/:model", () => jsonAnswer({})],
      ["POST /v2/models/:model", () => jsonAnswer({})],
    ]),
  );
  t.same(router.match("GET", "/v2/models/d%69gits").parameters, { model: "digits" });
  t.same(router.match("HEAD", "/v2/models/a%2Fb").parameters, { model: "a/b" });
  t.throws(() => router.match("GET", "/v2/models/%E0%A4%A"), { status: 400, message: /broken escape/ });
  t.throws(() => router.match("GET", "/v2/models/a/b"), { status: 404, message: /There is nothing at/ });
  t.throws(() => router.match("PUT", "/v2/models/a"), {
    status: 405,
    message: /takes GET, POST, not PUT/,
    headers: { allow: "GET, POST" },
  });
});
