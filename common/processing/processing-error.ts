/** Why a picture, a sound or an output could not be used; the sentence is for whoever sent it. */
export type ProcessingErrorCode =
  /** The bytes are not what can be read here, or are damaged. */
  | "bad-media"
  /** More pixels, samples or bytes than are taken. */
  | "media-too-large"
  /** The outputs are not what `postprocessing` says of them: the model's fault, not the client's. */
  | "bad-output";

export class ProcessingError extends Error {
  override readonly name = "ProcessingError";
  readonly code: ProcessingErrorCode;

  constructor(code: ProcessingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
