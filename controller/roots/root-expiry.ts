/** When people must be told that the root of trust ends. Pure. */

/** The owners' keys lie in a drawer: a month to fetch them. */
export const ROOT_WARNING_MS = 30 * 24 * 3_600_000;

export type RootExpiry =
  { readonly kind: "far" } | { readonly kind: "near" | "passed"; readonly date: string; readonly text: string };

/** What to do about it stands in `RENEW_ROOT`. */
export function rootExpiry(expiresMs: number, nowMs: number): RootExpiry {
  const leftMs = expiresMs - nowMs;
  if (leftMs > ROOT_WARNING_MS) return { kind: "far" };
  const date = new Date(expiresMs).toISOString().slice(0, 10);
  return leftMs > 0
    ? {
        kind: "near",
        date,
        text: `The root of trust expires on ${date}: after that devices install nothing until the owners sign a newer one`,
      }
    : {
        kind: "passed",
        date,
        text: `The root of trust expired on ${date}: devices install nothing until the owners sign a newer one`,
      };
}

export const RENEW_ROOT =
  "Let the owners sign the next version: ferry root renew, ferry root sign, ferry root publish.";
