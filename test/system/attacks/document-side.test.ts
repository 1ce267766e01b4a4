/** What a device believes under attack; `npm run attacks` prints what becomes of each attempt. */
import t from "tap";
import { DOCUMENT_SIDE_ATTACKS } from "./attacks.ts";
import { tryAttacks } from "./try-attacks.ts";

await tryAttacks(t, DOCUMENT_SIDE_ATTACKS);
