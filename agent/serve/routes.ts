import { HttpError, type HttpHandler } from "./http-answer.ts";

/** `GET /v2/models/:model/ready` → what answers it. */
export type Routes = ReadonlyMap<string, HttpHandler>;

export interface MatchedRoute {
  readonly handler: HttpHandler;
  readonly parameters: Readonly<Record<string, string>>;
}

interface Route {
  readonly method: string;
  readonly pattern: readonly string[];
  readonly handler: HttpHandler;
}

/** A few for each of 16 models; whoever asks for ever other paths makes it forget them. */
const FOUND_MAX = 256;

/** Finds what answers a request; of routes that both match, the first. */
export class Router {
  /** By how many segments they have: a request is held against few of them. */
  readonly #routes: ReadonlyMap<number, readonly Route[]>;
  /** By method and path: clients ask for the same few again and again. */
  readonly #found = new Map<string, MatchedRoute>();

  constructor(routes: Routes) {
    const all = [...routes].map(([route, handler]): Route => {
      const [method = "", pattern = ""] = route.split(" ");
      return { method, pattern: pattern.split("/"), handler };
    });
    this.#routes = Map.groupBy(all, ({ pattern }) => pattern.length);
  }

  /** Throws HttpError: 404 for a path that no route has, 405 with those methods that it has, 400 for a broken escape. */
  match(asked: string, path: string): MatchedRoute {
    const key = `${asked} ${path}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const found = this.#find(asked, path);
    if (this.#found.size >= FOUND_MAX) this.#found.clear();
    this.#found.set(key, found);
    return found;
  }

  #find(asked: string, path: string): MatchedRoute {
    const segments = path.split("/").map(decode);
    const methods: string[] = [];
    for (const { method, pattern, handler } of this.#routes.get(segments.length) ?? []) {
      const parameters = matchPattern(pattern, segments);
      if (parameters === undefined) continue;
      // RFC 9110: HEAD is GET without the body.
      if (method === asked || (method === "GET" && asked === "HEAD")) return { handler, parameters };
      methods.push(method);
    }
    if (methods.length === 0) throw new HttpError(404, `There is nothing at ${path}; GET / says what is here`);
    throw new HttpError(405, `${path} takes ${methods.join(", ")}, not ${asked}`, { allow: methods.join(", ") });
  }
}

/** Nothing of it is to be taken away. */
const PLAIN_PATH = /^(?:\/[^/?#]+)+$/;

/**
 * The path that a request asks for: without its query, without the slashes that clients leave at the end, and also where
 * a proxy sent the whole address (RFC 9112, absolute form).
 */
export function pathOf(target: string): string {
  if (PLAIN_PATH.test(target)) return target;
  const [path = ""] = target.replace(/^https?:\/\/[^/?#]*/i, "").split(/[?#]/);
  return path.replace(/\/+$/, "") || "/";
}

/** What stands behind the question mark; empty where there is none. */
export function queryOf(target: string): URLSearchParams {
  const at = target.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : target.slice(at + 1));
}

/** Both have as many segments. */
function matchPattern(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at] ?? "";
    if (part.startsWith(":") && segment !== "") parameters[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return parameters;
}

function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HttpError(400, `The path has a broken escape: ${segment}`);
  }
}
