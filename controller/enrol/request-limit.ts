/** What one address may cost in a second: an enrolment is two requests and takes about 2 ms of the processor. */
const REQUESTS_PER_SECOND = 100;
const BURST = 200;
/** Refusals of one address before it must wait: enough for a person's mistakes, useless for guessing. */
const REFUSALS_MAX = 30;
/** One refusal is forgiven in this time. */
const REFUSAL_FORGIVEN_MS = 2_000;
/** Addresses remembered; beyond that the oldest is forgotten. */
const ADDRESSES_MAX = 10_000;

interface Account {
  tokens: number;
  refusals: number;
  atMs: number;
}

/** Keeps those who ask too often, or wrongly, from keeping the others out. Times are monotonic. */
export class RequestLimit {
  readonly #accounts = new Map<string, Account>();

  admits(address: string, nowMs: number): boolean {
    const account = this.#at(address, nowMs);
    if (account.tokens < 1 || account.refusals >= REFUSALS_MAX) return false;
    account.tokens -= 1;
    return true;
  }

  refused(address: string, nowMs: number): void {
    this.#at(address, nowMs).refusals += 1;
  }

  #at(address: string, nowMs: number): Account {
    const account = this.#accounts.get(address) ?? { tokens: BURST, refusals: 0, atMs: nowMs };
    const elapsedMs = nowMs - account.atMs;
    account.tokens = Math.min(BURST, account.tokens + (elapsedMs / 1_000) * REQUESTS_PER_SECOND);
    account.refusals = Math.max(0, account.refusals - elapsedMs / REFUSAL_FORGIVEN_MS);
    account.atMs = nowMs;
    // Youngest last: the first of the map is the one to forget.
    this.#accounts.delete(address);
    this.#accounts.set(address, account);
    const [oldest] = this.#accounts.keys();
    if (this.#accounts.size > ADDRESSES_MAX && oldest !== undefined) this.#accounts.delete(oldest);
    return account;
  }
}
