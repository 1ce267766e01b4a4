import type { VerifiedBundle } from "../inference-engine.ts";
import type { LoadChoice } from "./load-choice.ts";

/** Where a provider that compiles models keeps what it has compiled, so that a restart takes seconds and not minutes. */
export interface EngineCache {
  /** A private folder for this file on this provider and machine, and for nothing else; undefined where there is no place. */
  readonly folderFor: (bundle: VerifiedBundle, choice: LoadChoice) => Promise<string | undefined>;
  /** Away with it: what was loaded from it failed. False where there was nothing in it. */
  readonly forget: (bundle: VerifiedBundle, choice: LoadChoice) => Promise<boolean>;
}

export const NO_ENGINE_CACHE: EngineCache = {
  folderFor: async () => Promise.resolve(undefined),
  forget: async () => Promise.resolve(false),
};
