import type { Refusal, RefusalCode } from "../../protocol/trust/refusal.ts";

/** Why a bundle may not serve here, on its way to where it is reported. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }

  get refusal(): Refusal {
    // As much as a report carries; what stands first says what is wrong.
    return { code: this.code, message: this.message.slice(0, 1_000) };
  }
}
