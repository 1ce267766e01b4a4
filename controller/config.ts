/** Where the controller keeps what it has, and the settings that `ferry init` wrote. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Type, type Static } from "typebox";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../common/ferry-error.ts";
import { FleetId } from "../protocol/ids.ts";
import { closedObject, gate, parseJson } from "../protocol/schema.ts";
import { AlertsConfig } from "./alerts/receiver-config.ts";
import { ReportsConfig } from "./schedules/reports-config.ts";
import { RetentionConfig } from "./telemetry/retention.ts";

export interface ControllerPaths {
  readonly home: string;
  /** Keys that belong on other machines once the fleet is real. */
  readonly offline: string;
  readonly ownerKey: string;
  readonly publisherKey: string;
  /** Signs deployments; the one key that the running controller needs. */
  readonly directorKey: string;
  /** The admin token of the command line on this machine. */
  readonly operatorToken: string;
  readonly config: string;
  readonly database: string;
  readonly bundles: string;
  /** Of schedules, unless `controller.json` names another folder. */
  readonly reports: string;
  readonly authority: AuthorityPaths;
  /** Root metadata, one file a version: `1.root.json`, `2.root.json`, … */
  readonly roots: string;
}

/** The device CA: never believed about models, but who has its key can be any device on the broker. */
export interface AuthorityPaths {
  readonly key: string;
  readonly certificate: string;
  /** Revoked certificates: a lost database must not bring them back. */
  readonly revocations: string;
  /** The same, signed, for brokers that read such a list. */
  readonly revocationList: string;
  /** The names that applications have: no device may have one of them. */
  readonly callers: string;
}

/** `--home` wins over FERRY_HOME, and that over `~/.modelferry`. */
export function controllerPaths(home: string | undefined): ControllerPaths {
  const folder = resolve(home ?? process.env["FERRY_HOME"] ?? join(homedir(), ".modelferry"));
  const controller = join(folder, "controller");
  return {
    home: folder,
    offline: join(folder, "offline"),
    ownerKey: join(folder, "offline", "owner.key.pem"),
    publisherKey: join(folder, "offline", "publisher.key.pem"),
    directorKey: join(controller, "director.key.pem"),
    operatorToken: join(folder, "operator.token"),
    config: join(controller, "controller.json"),
    database: join(controller, "controller.db"),
    bundles: join(controller, "bundles"),
    reports: join(controller, "reports"),
    authority: {
      key: join(folder, "ca", "ca.key.pem"),
      certificate: join(folder, "ca", "ca.crt.pem"),
      revocations: join(folder, "ca", "revoked.json"),
      revocationList: join(folder, "ca", "revoked.crl.pem"),
      callers: join(folder, "ca", "callers.json"),
    },
    roots: join(folder, "root"),
  };
}

const Port = Type.Integer({ minimum: 0, maximum: 65_535 });

/** `controller.json`. Unknown fields are refused: a misspelt setting must not be ignored in silence. */
export const ControllerConfig = closedObject({
  formatVersion: Type.Literal(1),
  fleet: FleetId,
  /** The embedded broker. `127.0.0.1` unless devices on other machines are to reach it. */
  mqtt: closedObject({ host: Type.String({ minLength: 1, maxLength: 253 }), port: Port }),
  /**
   * Where devices enrol, on the address of the embedded broker; absent: ENROL_PORT. `approval: false`: only with a token,
   * a device without one may not even ask.
   */
  enrol: Type.Optional(closedObject({ port: Port, approval: Type.Optional(Type.Boolean()) })),
  /** More names and addresses under which devices reach this machine; the first one stands in join tokens. */
  names: Type.Optional(Type.Array(Type.String({ pattern: "^[A-Za-z0-9.:-]{1,253}$" }), { maxItems: 20 })),
  /** The HTTP API: on loopback unless `host` says otherwise, and then with a certificate and its key, as paths of PEM files. */
  http: closedObject({
    host: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    port: Port,
    tls: Type.Optional(closedObject({ cert: Type.String(), key: Type.String() })),
  }),
  /** How long telemetry is kept, and how finely. */
  telemetry: Type.Optional(RetentionConfig),
  /** Who is told of alerts. */
  alerts: Type.Optional(AlertsConfig),
  /** Where reports by the clock go. */
  reports: Type.Optional(ReportsConfig),
  /** Where the director's key is, when it is not a file of this folder: a command that signs, and its public key's file. */
  director: Type.Optional(
    closedObject({
      signerCommand: Type.String({ minLength: 1, maxLength: 4_096 }),
      publicKey: Type.String({ minLength: 1, maxLength: 4_096 }),
    }),
  ),
});
export type ControllerConfig = Static<typeof ControllerConfig>;

/** The port of MQTT over TLS, as registered with IANA. */
export const MQTT_PORT = 8883;
export const ENROL_PORT = 8471;
export const HTTP_PORT = 8470;

/** A file of settings that people edit: far more than it ever needs. */
const CONFIG_BYTES_MAX = 65_536;

const check = gate("controller.json", ControllerConfig);

/** Throws FerryError: `not-initialised`, or `bad-config` with the place. */
export function readConfig(paths: ControllerPaths): ControllerConfig {
  try {
    return parseJson("controller.json", readFileSync(paths.config), CONFIG_BYTES_MAX, check);
  } catch (cause) {
    if (systemCodeOf(cause) === "ENOENT") {
      throw new FerryError("not-initialised", `${paths.home} holds no controller: ${paths.config} is not there`, {
        hint: "Make one with `ferry init`, or point --home (or FERRY_HOME) to the folder of an existing one.",
        exitCode: EXIT.notFound,
      });
    }
    throw new FerryError("bad-config", `Cannot use ${paths.config}: ${messageOf(cause)}`, {
      hint: "Correct the file; `ferry init --home <empty folder>` writes one to compare with.",
      cause,
    });
  }
}
