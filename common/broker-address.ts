/** What a broker's URL says, in the words of sockets and of the MQTT client. */
export interface BrokerAddress {
  readonly protocol: "mqtt" | "mqtts";
  /** Without the brackets that an IPv6 address has in a URL. */
  readonly host: string;
  readonly port: number;
  /** For brokers that ask for them. */
  readonly username?: string;
  readonly password?: string;
}

/** IANA's service names `mqtt` and `secure-mqtt`. */
const PORTS = { mqtt: 1883, mqtts: 8883 } as const;

/** Of `mqtt://host`, `mqtts://name:secret@host:port`. Throws TypeError for what is no URL. */
export function brokerAddress(url: string): BrokerAddress {
  const { protocol: scheme, hostname, port, username, password } = new URL(url);
  const protocol = scheme === "mqtts:" ? "mqtts" : "mqtt";
  return {
    protocol,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? PORTS[protocol] : Number(port),
    ...(username === "" ? {} : { username: decodeURIComponent(username), password: decodeURIComponent(password) }),
  };
}
