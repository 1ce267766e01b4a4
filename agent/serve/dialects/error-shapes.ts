/** How each dialect tells an error in JSON: clients read the field that they were written for. */

export type ErrorShape = (status: number, message: string) => object;

/** OIP v2 and TensorFlow Serving, and whatever has no dialect of its own. */
const plain: ErrorShape = (_status, message) => ({ error: message });

/** MLflow's `ErrorCode` in its `databricks.proto`. */
const MLFLOW_CODE: Readonly<Record<number, string>> = {
  404: "RESOURCE_DOES_NOT_EXIST",
  429: "REQUEST_LIMIT_EXCEEDED",
  501: "NOT_IMPLEMENTED",
  503: "TEMPORARILY_UNAVAILABLE",
};

const mlflow: ErrorShape = (status, message) => ({
  error_code: MLFLOW_CODE[status] ?? (status >= 500 ? "INTERNAL_ERROR" : "BAD_REQUEST"),
  message,
});

/** The exceptions of TorchServe's frontend. */
const TORCHSERVE_TYPE: Readonly<Record<number, string>> = {
  404: "ModelNotFoundException",
  405: "MethodNotAllowedException",
  413: "RequestEntityTooLargeException",
  429: "ServiceUnavailableException",
  503: "ServiceUnavailableException",
};

const torchserve: ErrorShape = (code, message) => ({
  code,
  type: TORCHSERVE_TYPE[code] ?? (code >= 500 ? "InternalServerException" : "BadRequestException"),
  message,
});

/** By the first part of the path. */
export function errorShapeOf(path: string): ErrorShape {
  switch (path.split("/")[1]) {
    case "invocations":
      return mlflow;
    case "predictions":
    case "models":
      return torchserve;
    default:
      return plain;
  }
}
