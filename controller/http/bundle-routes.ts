import { Type, type Static } from "typebox";
import { ModelJson } from "../../protocol/bundle/model-json.ts";
import { ModelName, ModelVersion, Sha256, StatementDigest } from "../../protocol/ids.ts";
import { route } from "./route.ts";

export const Bundle = Type.Object({
  name: ModelName,
  version: ModelVersion,
  /** SHA-256 of the signed statement: the bundle's identity. */
  statement: StatementDigest,
  archive: Type.Object({ sha256: Sha256, lengthBytes: Type.Integer() }),
  model: ModelJson,
  pushedMs: Type.Number(),
  /** Whether enough publishers of the newest root have signed it: devices with that root refuse it otherwise. */
  vouched: Type.Boolean(),
});
export type Bundle = Static<typeof Bundle>;

const params = Type.Object({ name: ModelName, version: ModelVersion });

export const BUNDLE_ROUTES = {
  listBundles: route({
    method: "GET",
    path: "/api/v1/bundles",
    tag: "bundles",
    summary: "The catalogue, newest first",
    role: "viewer",
    query: Type.Object({ name: Type.Optional(ModelName) }),
    result: Type.Object({ bundles: Type.Array(Bundle) }),
  }),
  getBundle: route({
    method: "GET",
    path: "/api/v1/bundles/:name/:version",
    tag: "bundles",
    summary: "One bundle of the catalogue",
    role: "viewer",
    params,
    result: Bundle,
  }),
  pushBundle: route({
    method: "POST",
    path: "/api/v1/bundles",
    tag: "bundles",
    summary: "Adds a signed archive to the catalogue; the same bytes again change nothing",
    role: "operator",
    changes: true,
    body: "bytes",
    result: Type.Object({
      outcome: Type.Union([Type.Literal("added"), Type.Literal("already-there")]),
      bundle: Bundle,
    }),
  }),
  downloadBundle: route({
    method: "GET",
    path: "/api/v1/bundles/:name/:version/archive",
    tag: "bundles",
    summary: "The archive, byte for byte as it was pushed",
    role: "viewer",
    params,
    result: "bytes",
  }),
} as const;
