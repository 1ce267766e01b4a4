/**
 * Reads nothing of an MQTT stream but the fixed header of each packet [MQTT-2.2], to stop a packet that is too long
 * before anyone collects its bytes. Feed it every byte in order.
 */
export class PacketMeter {
  readonly #packetBytesMax: number;
  /** Bytes of the present packet that are still to come. */
  #remaining = 0;
  #state: "type" | "length" | "body" = "type";
  #lengthShift = 0;

  constructor(packetBytesMax: number) {
    this.#packetBytesMax = packetBytesMax;
  }

  /** False when the stream must be ended: a packet beyond the bound, or a length of more than four bytes [MQTT-2.2.3]. */
  accepts(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.byteLength) {
      if (this.#state === "body") {
        const taken = Math.min(this.#remaining, bytes.byteLength - at);
        this.#remaining -= taken;
        at += taken;
        if (this.#remaining === 0) this.#state = "type";
        continue;
      }
      const byte = bytes[at] ?? 0;
      at += 1;
      if (this.#state === "type") this.#beginLength();
      else if (!this.#addLength(byte)) return false;
    }
    return true;
  }

  #beginLength(): void {
    this.#state = "length";
    this.#remaining = 0;
    this.#lengthShift = 0;
  }

  #addLength(byte: number): boolean {
    if (this.#lengthShift > 21) return false;
    this.#remaining += (byte & 0x7f) << this.#lengthShift;
    this.#lengthShift += 7;
    if (this.#remaining > this.#packetBytesMax) return false;
    if ((byte & 0x80) === 0) this.#state = this.#remaining === 0 ? "type" : "body";
    return true;
  }
}
