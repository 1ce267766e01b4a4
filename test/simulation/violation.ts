/** A promise of the design that a run has broken. */
export class Violation extends Error {
  /** Which promise: what makes two failing runs the same failure. */
  readonly promise: string;

  constructor(promise: string, detail: string) {
    super(`${promise}: ${detail}`);
    this.promise = promise;
  }
}
