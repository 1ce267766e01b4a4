/** After a lost database: the archives on the shelf are signed, so the catalogue can be read from them again. */
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../common/clock.ts";
import { messageOf } from "../common/ferry-error.ts";
import type { Log } from "../common/log.ts";
import type { Sha256 } from "../protocol/ids.ts";
import type { Role } from "../protocol/trust/root.ts";
import type { BundleShelf } from "./bundles/bundle-shelf.ts";
import { registerBundle } from "./store/catalogue.ts";
import type { Store } from "./store/store.ts";

export interface RecoverCataloguePorts {
  readonly store: Store;
  readonly shelf: BundleShelf;
  /** Where the shelf keeps its archives. */
  readonly directory: string;
  readonly publisher: Role;
  readonly clock: Clock;
  readonly log: Log;
}

/** Registers every archive on the shelf that the catalogue does not have, each verified as if it were pushed. */
export async function recoverCatalogue(ports: RecoverCataloguePorts): Promise<void> {
  const { store, shelf, directory, publisher, clock, log } = ports;
  const known = new Set(
    (await store.selectFrom("bundles").select("archive_sha256").execute()).map((row) => row.archive_sha256),
  );
  const archives = (await readdir(directory)).filter((name) => ARCHIVE.test(name));
  const unknown = archives.filter((name) => !known.has(name.slice(0, -".tar".length) as Sha256));
  for (const name of unknown) {
    try {
      const bundle = await shelf.accept(createReadStream(join(directory, name)), { publisher });
      const { statement, modelJson: model, archive } = bundle;
      await registerBundle(store, { statement, model, archive, pushedMs: clock.nowMs() });
      log.warn({ bundle: `${model.name}@${model.version}` }, "a bundle on the shelf was put back into the catalogue");
    } catch (thrown) {
      log.error(
        { archive: name, error: messageOf(thrown) },
        "an archive on the shelf cannot be used; it is left as it is",
      );
    }
  }
}

const ARCHIVE = /^[0-9a-f]{64}\.tar$/;
