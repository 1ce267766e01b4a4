/** What a device runs under attack; `npm run attacks` prints what becomes of each attempt. */
import t from "tap";
import { BUNDLE_SIDE_ATTACKS } from "./attacks.ts";
import { tryAttacks } from "./try-attacks.ts";

await tryAttacks(t, BUNDLE_SIDE_ATTACKS);
