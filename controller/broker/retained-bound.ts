/** Topics with a retained message: a fleet of 2,000 keeps 3 for each device (state, info, desired) and its roots. */
export const RETAINED_TOPICS_MAX = 10_000;
/** All retained payloads together: 10,000 inventories and deployments of a few kB each. */
export const RETAINED_BYTES_MAX = 64 * 1024 ** 2;

/** Counts what the broker retains, so that a client cannot fill the memory with topics that nobody reads. */
export class RetainedBound {
  readonly #bytesByTopic = new Map<string, number>();
  #bytes = 0;

  get topics(): number {
    return this.#bytesByTopic.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether this message may be retained; counts it if so. An empty payload clears the topic [MQTT-3.3.1-10]. */
  admit(topic: string, payloadBytes: number): boolean {
    const formerBytes = this.#bytesByTopic.get(topic);
    if (payloadBytes === 0) {
      this.#bytesByTopic.delete(topic);
      this.#bytes -= formerBytes ?? 0;
      return true;
    }
    const bytes = this.#bytes - (formerBytes ?? 0) + payloadBytes;
    if (bytes > RETAINED_BYTES_MAX) return false;
    if (formerBytes === undefined && this.#bytesByTopic.size >= RETAINED_TOPICS_MAX) return false;
    this.#bytesByTopic.set(topic, payloadBytes);
    this.#bytes = bytes;
    return true;
  }
}
