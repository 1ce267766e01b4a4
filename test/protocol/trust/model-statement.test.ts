import t from "tap";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { modelStatement, parseModelStatement, statementDigest } from "../../../protocol/trust/model-statement.ts";

const entries: [string, { sha256: string }][] = [
  ["model.onnx", { sha256: sha256("weights") }],
  ["a/b.bin", { sha256: sha256("tensor") }],
  ["model.json", { sha256: sha256("description") }],
];

t.test("the same files give the same bytes, in whatever order they are found", async (t) => {
  const statement = modelStatement("digits-1.0.0", entries);
  t.same(modelStatement("digits-1.0.0", entries.toReversed()), statement);
  t.same(
    parseModelStatement(statement).resources.map(({ name }) => name),
    ["a/b.bin", "model.json", "model.onnx"],
  );
});

t.test("renamed files have the standard's subject digest, but another statement digest", async (t) => {
  const renamed = entries.map(([name, file]): [string, { sha256: string }] => [`x${name}`, file]);
  const subjectOf = (bytes: Uint8Array) =>
    (JSON.parse(Buffer.from(bytes).toString()) as { subject: [{ digest: { sha256: string } }] }).subject[0].digest
      .sha256;
  const [one, other] = [modelStatement("m", entries), modelStatement("m", renamed)];
  t.equal(subjectOf(one), subjectOf(other));
  t.not(statementDigest(one), statementDigest(other));
});

t.test("a statement is read in its own order, with fields that the standard may add", async (t) => {
  const [weights, tensor] = [sha256("weights"), sha256("tensor")];
  const parsed = parseModelStatement(
    Buffer.from(
      JSON.stringify({
        _type: "https://in-toto.io/Statement/v1",
        subject: [
          { name: "m", digest: { sha256: sha256(Buffer.from(weights + tensor, "hex")) }, annotations: { a: 1 } },
        ],
        predicateType: "https://model_signing/signature/v1.0",
        predicate: {
          resources: [
            { name: "z", algorithm: "sha256", digest: weights },
            { name: "a", algorithm: "sha256", digest: tensor },
          ],
          serialization: { method: "files", hash_type: "sha256", allow_symlinks: false, chunk_size: 1 },
          card: {},
        },
      }),
    ),
  );
  t.same(parsed.resources, [
    { name: "z", sha256: weights },
    { name: "a", sha256: tensor },
  ]);
  t.same(parsed.ignorePaths, []);
});
