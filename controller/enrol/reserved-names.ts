/** Names that no device may have: each name on the broker stands for one program. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { CONTROLLER_CLIENT } from "../broker/access.ts";

/** Who has a certificate of this name may do everything on the broker. */
export const RESERVED: string = CONTROLLER_CLIENT;

export function isReserved(name: string, callers: ReadonlySet<string>): boolean {
  return name === RESERVED || callers.has(name);
}

/** Throws FerryError `usage` for the controller's name, `name-taken` for an application's. */
export function requireDeviceName(device: DeviceId, callers: ReadonlySet<string>): void {
  if (device === RESERVED) {
    throw new FerryError("usage", `A device cannot be called ${RESERVED}: that is the controller's own name`, {
      hint: "Choose another name.",
      exitCode: EXIT.usage,
    });
  }
  if (!callers.has(device)) return;
  throw new FerryError("name-taken", `${device} is the name of an application: it has a certificate of this CA`, {
    hint: "Choose another name: who has that certificate could speak as the device.",
    exitCode: EXIT.conflict,
  });
}
