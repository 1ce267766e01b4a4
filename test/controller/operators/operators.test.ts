/** Operators on a real database. */
import t from "tap";
import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { listAudit } from "../../../controller/audit/audit-log.ts";
import { ensureLocalOperator, readLocalToken, writeLocalToken } from "../../../controller/operators/local-operator.ts";
import { mayDo, OPERATOR_ROLES, type OperatorRole } from "../../../controller/operators/operator-role.ts";
import { looksLikeToken, newToken } from "../../../controller/operators/operator-token.ts";
import { openOperators } from "../../../controller/operators/operators.ts";
import { NOTHING_ELSE, openStore } from "../../../controller/store/store.ts";

const nowMs = () => 1_000;

t.test(
  "everybody reads; annotators tell the truth, operators act, approvers approve, and admins alone do both",
  async (t) => {
    const may: Readonly<Record<OperatorRole, readonly OperatorRole[]>> = {
      viewer: ["viewer"],
      annotator: ["viewer", "annotator"],
      operator: ["viewer", "annotator", "operator"],
      approver: ["viewer", "approver"],
      admin: ["viewer", "annotator", "operator", "approver", "admin"],
    };
    for (const role of OPERATOR_ROLES) {
      t.same(
        OPERATOR_ROLES.filter((needed) => mayDo(role, needed)),
        may[role],
        role,
      );
    }
    t.ok(mayDo("approver", ["operator", "approver"]), "any of several will do");
    t.notOk(mayDo("viewer", ["operator", "approver"]));
  },
);

t.test("tokens are recognised by their shape, and never alike", async (t) => {
  const tokens = Array.from({ length: 100 }, newToken);
  t.ok(tokens.every(looksLikeToken));
  t.equal(new Set(tokens).size, 100);
  for (const wrong of ["", "ferry_", `${newToken()}x`, newToken().slice(1), newToken().slice(0, -1)]) {
    t.notOk(looksLikeToken(wrong), wrong);
  }
});

t.test("a token opens its operator's door, until it is rotated or removed", async (t) => {
  const path = join(t.testdir(), "controller.db");
  await using opened = await openStore(path);
  const operators = await openOperators(opened.store, nowMs);
  await operators.add({ name: "root", role: "admin" }, NOTHING_ELSE);
  const { token } = await operators.add({ name: "kari", role: "operator" }, NOTHING_ELSE);
  t.match(operators.byToken(token), { name: "kari", role: "operator" });
  t.equal(operators.byToken(newToken()), undefined);
  const rotated = await operators.rotate("kari", NOTHING_ELSE);
  t.equal(operators.byToken(token), undefined);
  t.match(operators.byToken(rotated.token), { name: "kari" });
  await operators.remove("kari", NOTHING_ELSE);
  t.equal(operators.byToken(rotated.token), undefined);
  const reopened = await openOperators(opened.store, nowMs);
  t.same(
    reopened.list().map(({ name }) => name),
    ["root"],
  );
});

t.test("the database has no token in it", async (t) => {
  const path = join(t.testdir(), "controller.db");
  const addOne = async () => {
    await using opened = await openStore(path);
    const operators = await openOperators(opened.store, nowMs);
    return await operators.add({ name: "kari", role: "viewer" }, NOTHING_ELSE);
  };
  const { token } = await addOne();
  const bytes = readFileSync(path);
  t.ok(bytes.includes("kari"));
  t.notOk(bytes.includes(token));
  t.notOk(bytes.includes(token.slice("ferry_".length)));
});

t.test("a change whose record fails does not happen", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const operators = await openOperators(opened.store, nowMs);
  await t.rejects(
    operators.add({ name: "kari", role: "viewer" }, () => Promise.reject(new Error("disk"))),
    /disk/,
  );
  t.same(operators.list(), []);
  await operators.add({ name: "kari", role: "viewer" }, NOTHING_ELSE);
});

t.test("what cannot be is refused by name", async (t) => {
  await using opened = await openStore(join(t.testdir(), "controller.db"));
  const operators = await openOperators(opened.store, nowMs);
  await operators.add({ name: "root", role: "admin" }, NOTHING_ELSE);
  await t.rejects(operators.add({ name: "root", role: "viewer" }, NOTHING_ELSE), { code: "exists" });
  await t.rejects(operators.remove("nobody", NOTHING_ELSE), { code: "not-found" });
  await t.rejects(operators.rotate("nobody", NOTHING_ELSE), { code: "not-found" });
  await t.rejects(operators.remove("root", NOTHING_ELSE), { code: "last-admin" });
});

t.test("the home's own token", async (t) => {
  const directory = t.testdir();
  const path = join(directory, "operator.token");
  await using opened = await openStore(join(directory, "controller.db"));
  const operators = await openOperators(opened.store, nowMs);
  const ensure = () => ensureLocalOperator(operators, path, nowMs);
  const whose = () => operators.byToken(readLocalToken(path) ?? "")?.name;

  await t.test("is made where there is none, for its owner alone", async (t) => {
    await ensure();
    t.equal(whose(), "local");
    t.equal(statSync(path).mode & 0o777, 0o600);
  });
  await t.test("stays when the controller starts again", async (t) => {
    const before = readLocalToken(path);
    await ensure();
    t.equal(readLocalToken(path), before);
  });
  await t.test("is replaced when it was deleted, and the former one is worth nothing", async (t) => {
    const former = readLocalToken(path) ?? "";
    rmSync(path);
    await ensure();
    t.equal(whose(), "local");
    t.equal(operators.byToken(former), undefined);
  });
  await t.test("that was restored after a rotation opens nothing", async (t) => {
    const former = readLocalToken(path) ?? "";
    const issued = await operators.rotate("local", NOTHING_ELSE);
    await ensure();
    t.equal(operators.byToken(former), undefined);
    writeLocalToken(path, issued.token);
    t.equal(whose(), "local");
  });
  await t.test("does not come back once an owner removed its operator", async (t) => {
    await operators.add({ name: "kari", role: "admin" }, NOTHING_ELSE);
    await operators.remove("local", NOTHING_ELSE);
    rmSync(path);
    await ensure();
    t.equal(readLocalToken(path), undefined);
  });
  await t.test("was audited as the program's own doing", async (t) => {
    t.match(await listAudit(opened.store, { limit: 10 }), [
      { actor: "(system)", action: "addOperator", target: "local" },
      { actor: "(system)", action: "rotateOperator", target: "local" },
    ]);
  });
});
