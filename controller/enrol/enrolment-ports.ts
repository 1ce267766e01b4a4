/** What every way into the fleet stands on, and what it leads to. */
import type { Clock } from "../../common/clock.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import type { Authority } from "./authority.ts";

export interface EnrolmentPorts {
  readonly store: Store;
  readonly authority: Authority;
  readonly fleet: FleetId;
  /** `https://host:port`, as devices reach it. */
  readonly url: () => string;
  /** Whether a device may ask to join without a token. */
  readonly approval: boolean;
  /** The names of applications, as they are at this moment. */
  readonly readCallers: () => Promise<ReadonlySet<string>>;
  /** Ends the connections whose certificate is revoked. */
  readonly endRevoked: () => void;
  readonly clock: Clock;
}

export interface Enrolled {
  readonly device: DeviceId;
  readonly certificate: string;
}
