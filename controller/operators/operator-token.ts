/** Bearer tokens: random, so that a plain SHA-256 of one is as good as the slow hash that a password needs. */
import { randomBytes } from "node:crypto";
import type { Sha256 } from "../../protocol/ids.ts";
import { sha256 } from "../../protocol/trust/digest.ts";

/** Tells people and secret scanners what they have found. */
const PREFIX = "ferry_";
/** As many as a SHA-256 has: nobody guesses one, however often they may try. */
const RANDOM_BYTES = 32;

/** Its characters are safe in headers, files and shells. */
export function newToken(): string {
  return PREFIX + randomBytes(RANDOM_BYTES).toString("base64url");
}

/** False for what cannot be a token at all, such as one that was cut while it was copied. */
export function looksLikeToken(text: string): boolean {
  return TOKEN.test(text);
}

const TOKEN = /^ferry_[A-Za-z0-9_-]{43}$/;

/** What is stored of a token. */
export function tokenDigest(token: string): Sha256 {
  return sha256(token);
}
