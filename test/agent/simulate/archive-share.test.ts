import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { ArchiveRef } from "../../../protocol/trust/deployment.ts";
import { openArchiveShare } from "../../../agent/simulate/archive-share.ts";
import { slotFor } from "../../support/device-views.ts";

const { archive } = slotFor("1", "1.0.0");

/** A device's own receiver: fetches a file, or fails. */
function receiver(t: Test, name: string, fetch: (archive: ArchiveRef) => Promise<void> = () => Promise.resolve()) {
  const path = join(t.testdirName, `${name}.tar`);
  let fetched = 0;
  return {
    fetched: () => fetched,
    ports: {
      fetch: async (wanted: ArchiveRef) => {
        fetched += 1;
        await fetch(wanted);
        await writeFile(path, "the archive");
        return path;
      },
      discard: () => Promise.resolve(),
    },
  };
}

const options = () => ({ signal: new AbortController().signal });

t.test("one device fetches an archive, and the others get its copy", async (t) => {
  const share = await openArchiveShare(join(t.testdir(), "archives"));
  const [first, second] = [receiver(t, "first"), receiver(t, "second")];
  const paths = await Promise.all([
    share.through(first.ports).fetch(archive, options()),
    share.through(second.ports).fetch(archive, options()),
  ]);
  t.equal(first.fetched() + second.fetched(), 1);
  for (const path of paths) t.equal(await readFile(path, "utf8"), "the archive");
});

t.test("where the first device fails, the next one fetches the archive itself", async (t) => {
  const share = await openArchiveShare(join(t.testdir(), "archives"));
  const failing = receiver(t, "failing", () => Promise.reject(new Error("the line is dead")));
  const other = receiver(t, "other");
  const [failed, path] = await Promise.allSettled([
    share.through(failing.ports).fetch(archive, options()),
    share.through(other.ports).fetch(archive, options()),
  ]);
  t.match(failed, { status: "rejected", reason: { message: "the line is dead" } });
  t.equal(path.status, "fulfilled");
  t.equal(other.fetched(), 1);
});

t.test("whoever gives up waiting for another device's copy waits no longer", async (t) => {
  const share = await openArchiveShare(join(t.testdir(), "archives"));
  const slow = receiver(t, "slow", () => new Promise(() => undefined));
  void share.through(slow.ports).fetch(archive, options());
  const stopping = new AbortController();
  const waiting = share.through(receiver(t, "other").ports).fetch(archive, { signal: stopping.signal });
  stopping.abort(new Error("another wish"));
  await t.rejects(waiting, { message: "another wish" });
});
