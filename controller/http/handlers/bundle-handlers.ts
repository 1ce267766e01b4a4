import { Readable } from "node:stream";
import type { Clock } from "../../../common/clock.ts";
import { FerryError } from "../../../common/ferry-error.ts";
import type { Role } from "../../../protocol/trust/root.ts";
import type { BundleShelf } from "../../bundles/bundle-shelf.ts";
import { contentOf, type ShelvedArchive } from "../../bundles/shelved-archive.ts";
import type { VouchedBundles } from "../../bundles/vouched-bundles.ts";
import { recordEvent } from "../../fleet/events.ts";
import { bundleByLabel, bundlesOf, listBundles, registerBundle, type CatalogueEntry } from "../../store/catalogue.ts";
import type { InTransaction, Store } from "../../store/store.ts";
import type { Handlers } from "../bind-routes.ts";
import type { Bundle, BUNDLE_ROUTES } from "../bundle-routes.ts";

export interface BundleHandlerPorts {
  readonly store: Store;
  readonly shelf: BundleShelf;
  /** Whose signatures make a bundle, by the newest root. */
  readonly publisher: () => Role;
  readonly isVouched: VouchedBundles["isVouched"];
  readonly clock: Clock;
}

export function bundleHandlers(ports: BundleHandlerPorts): Pick<Handlers, keyof typeof BUNDLE_ROUTES> {
  const { store, shelf, publisher, isVouched, clock } = ports;
  const bundleOf = ({ statement, model, archive, pushedMs }: CatalogueEntry): Bundle => ({
    name: model.name,
    version: model.version,
    statement,
    archive: { sha256: archive.sha256, lengthBytes: archive.length },
    model,
    pushedMs,
    vouched: isVouched(statement),
  });
  return {
    listBundles: async ({ query }) => {
      const entries = await (query.name === undefined ? listBundles(store) : bundlesOf(store, query.name));
      return { bundles: entries.map(bundleOf) };
    },
    getBundle: async ({ params }) => bundleOf(await bundleByLabel(store, params.name, params.version)),
    pushBundle: async ({ body }, { audit }) => {
      const { archive, modelJson: model, statement } = await shelf.accept(body, { publisher: publisher() });
      const entry: CatalogueEntry = { statement, model, archive, pushedMs: clock.nowMs() };
      const record = audit({ target: `${model.name}@${model.version}`, detail: `statement ${statement}` });
      const outcome = await registerOrRemove(ports, entry, record);
      if (outcome === "added") {
        const text = `${model.name}@${model.version} is in the catalogue (${statement.slice(0, 16)}…)`;
        await recordEvent(store, { kind: "bundle-pushed", text }, clock.nowMs());
      }
      return { outcome, bundle: bundleOf(await bundleByLabel(store, model.name, model.version)) };
    },
    downloadBundle: async ({ params }) => {
      const { archive } = await bundleByLabel(store, params.name, params.version);
      const shelved = await shelf.openArchive(archive.sha256);
      if (shelved !== undefined) return Readable.from(sent(shelved), { objectMode: false });
      throw new FerryError("archive-missing", `The archive of ${params.name}@${params.version} is not on the shelf`, {
        hint: "Push the bundle again: `ferry bundle push`.",
      });
    },
  };
}

/** An archive whose name and version belong to another bundle leaves the shelf again. */
async function registerOrRemove({ store, shelf }: BundleHandlerPorts, entry: CatalogueEntry, also: InTransaction) {
  try {
    return await registerBundle(store, entry, also);
  } catch (thrown) {
    await shelf.remove(entry.archive.sha256);
    throw thrown;
  }
}

async function* sent(archive: ShelvedArchive): AsyncGenerator<Uint8Array> {
  await using open = archive;
  yield* contentOf(open);
}
