/** The access rules in the languages of other brokers, from the same table that the embedded one follows. */
import { ACCESS, CONTROLLER_CLIENT, type Who } from "./access.ts";
import type { CallerId, DeviceId, FleetId, GroupId, ModelName, TransferId } from "../../protocol/ids.ts";
import { answerTopic, deviceTopics, fleetTopics, groupTopics, type ParsedTopic } from "../../protocol/topics.ts";

type Kind = ParsedTopic["kind"];
type Action = "read" | "write";

interface Rule {
  readonly action: Action;
  readonly filter: string;
}

/** What every client may do, with `me` where its own name stands. */
function rules(fleet: FleetId, me: string): Rule[] {
  const kinds = Object.keys(ACCESS) as Kind[];
  return kinds.flatMap((kind) =>
    (["write", "read"] as const).flatMap((action): Rule[] => {
      const who: Who = ACCESS[kind][action];
      return who === "controller" ? [] : [{ action, filter: filterOf(fleet, kind, action, who === "own" ? me : "+") }];
    }),
  );
}

/** The filter for one kind of topic; `name` is a client's, a placeholder for it, or `+`. */
function filterOf(fleet: FleetId, kind: Kind, action: Action, name: string): string {
  const device = deviceTopics(fleet, name as DeviceId);
  const group = groupTopics(fleet, "+" as GroupId);
  const filters: Readonly<Record<Kind, string>> = {
    state: device.state,
    info: device.info,
    hello: device.hello,
    report: device.report,
    telemetry: device.telemetry,
    want: device.want,
    desired: device.desired,
    command: device.command,
    telemetryAck: device.telemetryAck,
    chunk: device.chunk,
    predict: device.predict("+" as ModelName),
    answer:
      action === "write"
        ? answerTopic(fleet, "+" as CallerId, name as DeviceId)
        : answerTopic(fleet, name as CallerId, "+" as DeviceId),
    root: fleetTopics(fleet).rootAny,
    controllerState: fleetTopics(fleet).controllerState,
    groupCommand: group.command,
    groupChunk: group.chunk("+" as TransferId),
  };
  return filters[kind];
}

/** Mosquitto's `acl_file`. `%u` is the certificate's common name; `%c` would be what the client says of itself. */
export function mosquittoAcl(fleet: FleetId): string {
  const lines = rules(fleet, "%u").map(({ action, filter }) => `pattern ${action} ${filter}`);
  return [`user ${CONTROLLER_CLIENT}`, `topic readwrite ${fleetTopics(fleet).any}`, "", ...lines, ""].join("\n");
}

/** Mosquitto's configuration; the files that it names lie in `folder`. */
export function mosquittoConfig(folder: string, port: number): string {
  return [
    `listener ${port}`,
    `cafile ${folder}/ca.crt.pem`,
    `certfile ${folder}/server.crt.pem`,
    `keyfile ${folder}/server.key.pem`,
    `crlfile ${folder}/revoked.crl.pem`,
    "require_certificate true",
    "# The certificate's common name is the user name, and that is the client id.",
    "use_identity_as_username true",
    "use_username_as_clientid true",
    "allow_anonymous false",
    `acl_file ${folder}/acl`,
    "# Nothing relies on the broker's queues: what they do not hold, devices say again.",
    "persistence false",
    "# Room for what ten thousand devices say at once; without it 1,000 messages, and the rest is dropped.",
    "max_queued_messages 20000",
    "max_queued_bytes 33554432",
    "# A round trip of 0.1 ms instead of 91.",
    "set_tcp_nodelay true",
    "",
  ].join("\n");
}

/** EMQX's `acl.conf`; the listener needs `verify = verify_peer` and `peer_cert_as_username = cn`, `peer_cert_as_clientid = cn`. */
export function emqxAcl(fleet: FleetId): string {
  const actions: Readonly<Record<Action, string>> = { write: "publish", read: "subscribe" };
  return [
    `{allow, {username, "${CONTROLLER_CLIENT}"}, all, ["${fleetTopics(fleet).any}"]}.`,
    ...rules(fleet, "${username}").map(({ action, filter }) => `{allow, all, ${actions[action]}, ["${filter}"]}.`),
    "{deny, all}.",
    "",
  ].join("\n");
}
