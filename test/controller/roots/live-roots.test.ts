import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { systemClock } from "../../../common/clock.ts";
import { readKeyFile } from "../../../common/key-file.ts";
import { openLog } from "../../../common/log.ts";
import { controllerPaths } from "../../../controller/config.ts";
import { createHome } from "../../../controller/new-home.ts";
import { nextDirectorKeyPath, prepareNextDirectorKey } from "../../../controller/roots/director-key.ts";
import { openLiveRoots, runRootWatch } from "../../../controller/roots/live-roots.ts";
import { newDraft, signDraft } from "../../../controller/roots/root-draft.ts";
import { publishRoot } from "../../../controller/roots/publish-root.ts";
import { successorOf, withExchangedKey } from "../../../controller/roots/plan-root.ts";
import { newestOf, readRoots } from "../../../controller/trust-roots.ts";
import { keySigner, type PublicKey } from "../../../protocol/trust/keys.ts";
import type { NewRoot } from "../../../protocol/trust/root.ts";
import { FLEET } from "../../support/device-views.ts";
import { newSigner } from "../../support/keys.ts";
import { until } from "../../support/until.ts";

const expires = new Date(Date.now() + 86_400_000);

async function withHome(t: Test) {
  const paths = controllerPaths(join(t.testdir(), "home"));
  await createHome(paths, { fleet: FLEET, nowMs: Date.now() });
  const owner = keySigner(await readKeyFile(paths.ownerKey));
  const newest = async () => newestOf(await readRoots(paths)).newest;
  const publish = async (edit: (next: NewRoot) => NewRoot, nowMs = Date.now(), signer = owner) => {
    const former = await newest();
    const draft = await signDraft(await newDraft(edit(successorOf(former, expires)), former), signer);
    return publishRoot({ paths, newest: former, nowMs }, draft);
  };
  const exchangeDirector = async (next: PublicKey) => {
    const [former] = (await newest()).roles.director.keys;
    if (former === undefined) throw new Error("there is no director");
    return publish((root) => withExchangedKey(root, "director", { former, next }));
  };
  return { paths, owner, newest, publish, exchangeDirector };
}

t.test("roots published since are taken over together, also several", async (t) => {
  const home = await withHome(t);
  const live = await openLiveRoots({ paths: home.paths, director: undefined });
  t.equal(await live.look(), false);
  await home.publish((root) => root);
  await home.publish((root) => root);
  t.equal(await live.look(), true);
  t.match(live.trust(), { newest: { version: 3 }, directorSince: 1, roots: { length: 3 } });
});

t.test(
  "a director's key that was made for the new root is used from then on, and the former one is kept",
  async (t) => {
    const home = await withHome(t);
    const live = await openLiveRoots({ paths: home.paths, director: undefined });
    const former = live.trust().director.publicKey.fingerprint;
    const next = await prepareNextDirectorKey(home.paths);
    t.equal((await prepareNextDirectorKey(home.paths)).fingerprint, next.fingerprint, "it is made once");
    await home.exchangeDirector(next);
    t.equal(await live.look(), true);
    t.equal(live.trust().director.publicKey.fingerprint, next.fingerprint);
    t.equal(live.trust().directorSince, 2);
    const kept = keySigner(await readKeyFile(join(home.paths.directorKey, "..", "director.before-root-2.key.pem")));
    t.equal(kept.publicKey.fingerprint, former);
    await t.rejects(readKeyFile(nextDirectorKeyPath(home.paths)), { code: "not-found" });
    t.equal((await openLiveRoots({ paths: home.paths, director: undefined })).trust().directorSince, 2);
  },
);

t.test("a root that does not name this controller's key is not taken over until the key is there", async (t) => {
  const home = await withHome(t);
  const live = await openLiveRoots({ paths: home.paths, director: undefined });
  const elsewhere = newSigner();
  await home.exchangeDirector(elsewhere.publicKey);
  t.equal(await live.look(), false);
  t.match(live.problem(), /version 2 does not name the director key/);
  t.equal(live.trust().newest.version, 1, "what there was goes on");
  await t.rejects(openLiveRoots({ paths: home.paths, director: undefined }), {
    code: "wrong-director-key",
    hint: /ferry root rotate director/,
  });
});

t.test("a file that is no next root is a problem, told once, and gone when the file is", async (t) => {
  const home = await withHome(t);
  const live = await openLiveRoots({ paths: home.paths, director: undefined });
  const file = join(home.paths.roots, "2.root.json");
  const told: string[] = [];
  const taken: number[] = [];
  const stopping = new AbortController();
  writeFileSync(file, "{}");
  const running = runRootWatch(
    {
      live,
      onTakenOver: async ({ newest }) => void taken.push(newest.version),
      onProblem: async (problem) => void told.push(problem),
      clock: { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(5, signal) },
      log: openLog("test", "silent"),
    },
    stopping.signal,
  );
  await until("it is told", () => told.length > 0);
  rmSync(file);
  await until("the problem is gone", () => live.problem() === undefined);
  await home.publish((root) => root);
  await until("the right one is taken over", () => taken.length > 0);
  stopping.abort();
  await running;
  t.same(taken, [2]);
  t.equal(told.length, 1);
});

t.test("what a device would refuse is not published", async (t) => {
  const home = await withHome(t);
  const former = await home.newest();
  const unsigned = await newDraft(successorOf(former, expires), former);
  const signed = await signDraft(unsigned, home.owner);
  const publish = (draft: typeof signed, nowMs = Date.now()) =>
    publishRoot({ paths: home.paths, newest: former, nowMs }, draft);
  await t.rejects(publish(unsigned), {
    code: "root-refused",
    message: /0 of 1 owners of version 1 have signed/,
    hint: /ferry root sign/,
  });
  await t.rejects(publish(signed, expires.getTime()), { code: "root-expired" });
  await publish(signed);
  await t.rejects(publish(signed), { code: "exists", exitCode: 6 });
  await t.rejects(publishRoot({ paths: home.paths, newest: await home.newest(), nowMs: Date.now() }, signed), {
    code: "root-refused",
    hint: /begin this one anew/,
  });
  const empty = controllerPaths(join(t.testdir(), "empty"));
  mkdirSync(empty.home, { recursive: true });
  await t.rejects(publishRoot({ paths: empty, newest: undefined, nowMs: Date.now() }, signed), {
    message: /the folder holds none before it/,
  });
});
