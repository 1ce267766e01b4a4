import { normalSerial } from "../../common/x509.ts";
import type { BrokerTls } from "../broker/embedded-broker.ts";
import { commonNameOf, type Authority, type TlsIdentity } from "./authority.ts";

/** How the embedded broker knows its clients: by certificates of this authority. */
export function brokerTls(authority: Authority, identity: TlsIdentity): BrokerTls {
  return {
    identity,
    ca: authority.certificatePem,
    clientOf: (certificate) => {
      const name = commonNameOf(certificate);
      return name === undefined ? undefined : { name, serial: normalSerial(certificate.serialNumber) };
    },
    isRevoked: authority.isRevoked,
  };
}
