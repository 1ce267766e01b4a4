import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { Sha256 } from "../../../protocol/ids.ts";
import type { Enrolment } from "../../enrol/open-network.ts";
import type { Handlers } from "../bind-routes.ts";
import type { ENROL_ROUTES } from "../enrol-routes.ts";

/** Without TLS there is nothing to enrol for: each of them then throws `no-enrolment`. */
export function enrolHandlers(
  enrolment: Enrolment | undefined,
  rootPin: Sha256,
): Pick<Handlers, keyof typeof ENROL_ROUTES> {
  const enrolments = () => opened(enrolment).enrolments;
  return {
    inviteDevice: async ({ params: { device }, body: { lifetimeMs } }, { audit }) => {
      const record = audit({ target: device, detail: `a join token for ${lifetimeMs / 1_000} s` });
      return enrolments().invite(device, lifetimeMs, record);
    },
    listPendingDevices: async () => {
      const { url, caPin, isOpen } = opened(enrolment);
      return { devices: [...(await enrolments().pending())], controller: url, caPin, rootPin, isOpen };
    },
    approveDevice: async ({ params: { device }, body: { fingerprint, replace = false } }, { audit }) => {
      const detail = `the key ${fingerprint}${replace ? ", in place of another" : ""}`;
      await enrolments().approve({ device, fingerprint, replace }, audit({ target: device, detail }));
      return { device, fingerprint };
    },
    rejectDevice: async ({ params: { device }, body: { fingerprint } }, { audit }) => {
      const detail = `the key ${fingerprint}`;
      await enrolments().reject({ device, fingerprint }, audit({ target: device, detail }));
      return { device, fingerprint };
    },
    revokeDevice: async ({ params: { device }, body: { evenUnknown = false } }, { audit }) => ({
      device,
      revoked: await enrolments().revoke(device, { evenUnknown }, audit({ target: device })),
    }),
    allowRenewal: async ({ params: { device } }, { audit }) => ({
      device,
      untilMs: await enrolments().allowRenewal(device, audit({ target: device })),
    }),
  };
}

function opened(enrolment: Enrolment | undefined): Enrolment {
  if (enrolment !== undefined) return enrolment;
  throw new FerryError("no-enrolment", "This controller runs without certificates (--insecure-loopback)", {
    hint: "Devices on this machine join with `ferry-agent join mqtt://…`; start `ferry up` without the option to enrol others.",
    exitCode: EXIT.conflict,
  });
}
