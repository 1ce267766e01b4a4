/**
 * Who may publish and subscribe what. Identity is the common name of the client's certificate, and the client id is the
 * same; on a broker without TLS it is the client id alone, which keeps honest programs apart and no others. Every id but
 * `controller` may act as the device of that name and as the caller of that name.
 */
import { isId } from "../../protocol/ids.ts";
import { parseTopic, type ParsedTopic } from "../../protocol/topics.ts";

/** The client id of the controller itself, which may publish and read everything. */
export const CONTROLLER_CLIENT = "controller";

/** `own`: the client whose name stands in the topic. `anyone`: every client with a name. */
export type Who = "controller" | "own" | "anyone";

export interface TopicAccess {
  readonly write: Who;
  readonly read: Who;
}

const SAID_BY_DEVICE: TopicAccess = { write: "own", read: "controller" };
const SAID_TO_DEVICE: TopicAccess = { write: "controller", read: "own" };
const SAID_TO_ALL: TopicAccess = { write: "controller", read: "anyone" };

/** The whole of the rules; `ferry broker config` prints other brokers' files from it. The controller may do everything. */
export const ACCESS: Readonly<Record<ParsedTopic["kind"], TopicAccess>> = {
  state: SAID_BY_DEVICE,
  info: SAID_BY_DEVICE,
  hello: SAID_BY_DEVICE,
  report: SAID_BY_DEVICE,
  telemetry: SAID_BY_DEVICE,
  want: SAID_BY_DEVICE,
  desired: SAID_TO_DEVICE,
  command: SAID_TO_DEVICE,
  telemetryAck: SAID_TO_DEVICE,
  chunk: SAID_TO_DEVICE,
  root: SAID_TO_ALL,
  controllerState: SAID_TO_ALL,
  groupCommand: SAID_TO_ALL,
  groupChunk: SAID_TO_ALL,
  /** A caller asks any device; the device hears what is asked of it. */
  predict: { write: "anyone", read: "own" },
  /** Two names: written by the device that answers, read by the caller who asked. */
  answer: { write: "own", read: "own" },
};

/** A device writes what is its own (`up`, answers); a caller writes predict requests to any device. */
export function mayPublish(client: string, topic: string): boolean {
  if (!isId(client)) return false;
  const parsed = parsedOrUndefined(topic);
  if (parsed === undefined) return false;
  if (client === CONTROLLER_CLIENT) return true;
  const { write } = ACCESS[parsed.kind];
  return write === "anyone" || (write === "own" && "device" in parsed && parsed.device === client);
}

/** A device reads what is sent to it and what is said to all; a caller reads the answers to it. `filter` may hold + and #. */
export function maySubscribe(client: string, filter: string): boolean {
  // Granted by this broker, a shared subscription would deliver nothing.
  if (filter.startsWith("$")) return false;
  if (!isId(client)) return false;
  if (client === CONTROLLER_CLIENT) return true;
  if (isAnswersFilter(client, filter)) return true;
  const parsed = parsedOrUndefined(concrete(filter));
  return parsed !== undefined && mayRead(client, parsed, filter);
}

function mayRead(client: string, parsed: ParsedTopic, filter: string): boolean {
  const { read } = ACCESS[parsed.kind];
  if (read === "anyone") return true;
  if (read !== "own" || parsed.kind === "answer" || !("device" in parsed) || parsed.device !== client) return false;
  // The model's name may be a wildcard; of what is sent to a device, each kind is asked for by name.
  return parsed.kind === "predict" || !filter.includes("+");
}

/** `…/c/<client>/in/<device>`, `…/in/+` or `…/in/#`: what devices answer to this caller. */
function isAnswersFilter(client: string, filter: string): boolean {
  const levels = filter.split("/");
  const last = levels.at(-1) === "#" || levels.at(-1) === "+" ? ANY_LEVEL : levels.at(-1);
  const parsed = parsedOrUndefined([...levels.slice(0, -1), last].join("/"));
  return parsed?.kind === "answer" && parsed.caller === client;
}

/** Stands in for a wildcard where the topic is taken apart; no program has this name. */
const ANY_LEVEL = "any-level";
const ANY_ROOT = "1";

/** The filter with its last level, if that is `+`, made an example of what it matches; other wildcards stay and match nothing. */
function concrete(filter: string): string {
  const levels = filter.split("/");
  if (levels.at(-1) !== "+") return filter;
  const isRoot = levels.at(-2) === "root";
  return [...levels.slice(0, -1), isRoot ? ANY_ROOT : ANY_LEVEL].join("/");
}

/** The topic taken apart; undefined for one that is not Modelferry's. */
export function parsedOrUndefined(topic: string): ParsedTopic | undefined {
  try {
    return parseTopic(topic);
  } catch {
    return undefined;
  }
}
