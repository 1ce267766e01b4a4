/** What can be wrong with bytes that came from outside. The text says what, why, and names the place. */
export type ProtocolErrorCode =
  /** More bytes than the bound that `limits.ts` names. */
  | "OVERSIZE"
  /** Not JSON, not CBOR, not base64, not a frame: the syntax is broken. */
  | "MALFORMED"
  /** The syntax is right, the shape is not: a field is missing, of another type, out of range. */
  | "SCHEMA"
  /** A topic that no rule of `topics.ts` produces. */
  | "TOPIC";

export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ProtocolErrorCode;
  /** What was being read, in words: "deployment", "predict request". */
  readonly subject: string;

  constructor(code: ProtocolErrorCode, subject: string, detail: string, options?: ErrorOptions) {
    super(`${subject}: ${detail}`, options);
    this.code = code;
    this.subject = subject;
  }
}
