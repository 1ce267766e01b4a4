/** How long each phase of an update may last, and how often what fails is tried again. */
import type { BackoffPolicy } from "../../common/backoff.ts";

/** 4 GiB at 50 kB/s take 24 hours. A transfer that is tried again goes on from what it has. */
export const TRANSFER_MS_MAX = 24 * 3_600_000;
/** 4 GiB read, written and read again at the 5 MB/s of a worn memory card take 45 minutes. */
export const VERIFY_MS_MAX = 3_600_000;
/** For the archives of all mates: two of the largest transfers. Waiting costs nothing but the disk; it begins again. */
export const VERIFIED_MS_MAX = 48 * 3_600_000;
/** Loading takes a minute on a small board with a compiling provider; 256 golden cases of a second each take five. */
export const QUALIFY_MS_MAX = 600_000;
/** Mates qualify one after the other; a runner that waits longer takes memory for nothing. */
export const READY_MS_MAX = 3_600_000;
/** Turning over is one step, unless the engine hangs. */
export const ACTIVATE_MS_MAX = 120_000;
/** What an agent watches a version for where the deployment does not say: long enough for a crash and its restarts. */
export const SOAK_MS_DEFAULT = 3_000;
/** From the end of its own soak on: for mates that soak a day, and once more in doubt. */
export const SOAKED_MS_MAX = 72 * 3_600_000;
/** Between attempts: soon for a hiccup, every quarter of an hour for a full disk, which costs one look at it. */
export const RETRY: BackoffPolicy = { firstMs: 2_000, mostMs: 900_000 };
/** A bundle that was damaged on a disk may be damaged there again: each try costs its whole transfer. */
export const LOST_RETRY_MS = 900_000;
/** Checking or qualifying that exceeds its time costs the device its processor: it is not repeated for ever. */
export const DEADLINE_TRIES_MAX = 3;
/**
 * A version under which the device dies that often may be what kills it. Also a bound for soaks that are longer than
 * the device is ever switched on.
 */
export const SOAK_TRIES_MAX = 5;
