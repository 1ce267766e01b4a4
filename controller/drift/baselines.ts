import type { Baseline } from "../../protocol/bundle/baseline.ts";
import { BASELINE_JSON_BYTES_MAX, parseBaseline } from "../../protocol/bundle/baseline.ts";
import { archiveEntries } from "../bundles/archive-entries.ts";
import type { BundleShelf } from "../bundles/bundle-shelf.ts";
import { readEntry } from "../bundles/read-archive.ts";
import { contentOf } from "../bundles/shelved-archive.ts";
import { listBundles } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";

/** The baseline that the bundle of a version carries; undefined where it has none, or is not in the catalogue. */
export type BaselineOf = (slot: string, version: string) => Promise<Baseline | undefined>;

/** Baselines in memory, about 100 kB each. */
const KEPT_MAX = 32;

export function openBaselines(store: Store, shelf: Pick<BundleShelf, "openArchive">): BaselineOf {
  const kept = new Map<string, Baseline | undefined>();
  return async (slot, version) => {
    const entries = await listBundles(store);
    const entry = entries.find(({ model }) => model.name === slot && model.version === version);
    if (entry?.model.baseline === undefined) return undefined;
    const { sha256 } = entry.archive;
    if (!kept.has(sha256)) kept.set(sha256, await readFrom(shelf, sha256, entry.model.baseline));
    const [oldest] = kept.keys();
    if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
    return kept.get(sha256);
  };
}

async function readFrom(
  shelf: Pick<BundleShelf, "openArchive">,
  sha256: Parameters<BundleShelf["openArchive"]>[0],
  path: string,
): Promise<Baseline | undefined> {
  await using archive = await shelf.openArchive(sha256);
  if (archive === undefined) return undefined;
  for await (const entry of archiveEntries(contentOf(archive))) {
    if (entry.name === path) return parseBaseline(await readEntry(entry, BASELINE_JSON_BYTES_MAX));
  }
  return undefined;
}
