import type { EnrolRefusalCode } from "./policy.ts";

/** Nobody but the device is told more than this. */
export class EnrolRefused extends Error {
  override readonly name = "EnrolRefused";
  readonly code: EnrolRefusalCode;

  constructor(code: EnrolRefusalCode, why: string) {
    super(why);
    this.code = code;
  }
}
