import t from "tap";
import { errorShapeOf } from "../../../../agent/serve/dialects/error-shapes.ts";

const cases: readonly [string, number, object][] = [
  ["/v2/models/digits/infer", 400, { error: "why" }],
  ["/v1/models/digits:predict", 404, { error: "why" }],
  ["/", 405, { error: "why" }],
  ["/invocations", 400, { error_code: "BAD_REQUEST", message: "why" }],
  ["/invocations", 500, { error_code: "INTERNAL_ERROR", message: "why" }],
  ["/invocations", 503, { error_code: "TEMPORARILY_UNAVAILABLE", message: "why" }],
  ["/predictions/digits", 404, { code: 404, type: "ModelNotFoundException", message: "why" }],
  ["/predictions/digits", 400, { code: 400, type: "BadRequestException", message: "why" }],
  ["/models/digits", 500, { code: 500, type: "InternalServerException", message: "why" }],
];
for (const [path, status, error] of cases) {
  t.test(`an error ${String(status)} at ${path} has the fields that its clients read`, async (t) => {
    t.same(errorShapeOf(path)(status, "why"), error);
  });
}
