/** Bundles that later chapters need, signed and built one after the other while earlier chapters wait for something else. */
export class Preparations {
  readonly #files = new Map<string, Promise<string>>();
  #last: Promise<unknown> = Promise.resolve();

  /** Begun when all that came before it is done; `build` resolves to the file. */
  add(version: string, build: () => Promise<string>): void {
    const file = this.#last.then(build);
    this.#files.set(version, file);
    // Whoever needs the file hears of the failure; the next bundle is built all the same.
    this.#last = file.catch(() => undefined);
  }

  async file(version: string): Promise<string> {
    const file = this.#files.get(version);
    if (file === undefined) throw new Error(`nobody prepares digits@${version}`);
    return file;
  }
}
