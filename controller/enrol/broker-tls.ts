import type { BrokerTls } from "../broker/embedded-broker.ts";
import { issuedTo, type Authority, type TlsIdentity } from "./authority.ts";

/** How the embedded broker knows its clients: by certificates of this authority. */
export function brokerTls(authority: Authority, identity: TlsIdentity): BrokerTls {
  return {
    identity,
    ca: authority.certificatePem,
    clientOf: (certificate) => {
      const issued = issuedTo(certificate);
      return issued === undefined ? undefined : { name: issued.name, isRevoked: authority.isRevoked(issued) };
    },
  };
}
