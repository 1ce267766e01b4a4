/** Work that must not overlap, in the order in which it was asked for. */
export interface Lane {
  /** Resolves or rejects as `work` does; work whose signal aborts before its turn is never begun. */
  readonly run: <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** Settles when everything that has been asked for so far, and whatever that asked for, is over. */
  readonly idle: () => Promise<void>;
}

export function openLane(): Lane {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (work, signal) => {
      const turn = last.then(() => {
        signal?.throwIfAborted();
        return work();
      });
      last = turn.catch(() => undefined);
      return turn;
    },
    idle: async () => {
      for (let seen: Promise<unknown> | undefined; seen !== last;) {
        seen = last;
        await seen;
      }
    },
  };
}
