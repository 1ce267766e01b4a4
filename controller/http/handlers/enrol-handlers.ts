import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { Enrolments } from "../../enrol/enrolments.ts";
import type { Handlers } from "../bind-routes.ts";
import type { ENROL_ROUTES } from "../enrol-routes.ts";

/** Without TLS there is nothing to enrol for: each of them then throws `no-enrolment`. */
export function enrolHandlers(enrolments: Enrolments | undefined): Pick<Handlers, keyof typeof ENROL_ROUTES> {
  return {
    inviteDevice: ({ params: { device }, body: { lifetimeMs } }, { audit }) => {
      const record = audit({ target: device, detail: `a join token for ${lifetimeMs / 1_000} s` });
      return opened(enrolments).invite(device, lifetimeMs, record);
    },
    revokeDevice: async ({ params: { device } }, { audit }) => ({
      device,
      revoked: await opened(enrolments).revoke(device, audit({ target: device })),
    }),
    allowRenewal: async ({ params: { device } }, { audit }) => ({
      device,
      untilMs: await opened(enrolments).allowRenewal(device, audit({ target: device })),
    }),
  };
}

function opened(enrolments: Enrolments | undefined): Enrolments {
  if (enrolments !== undefined) return enrolments;
  throw new FerryError("no-enrolment", "This controller runs without certificates (--insecure-loopback)", {
    hint: "Devices on this machine join with `ferry-agent join mqtt://…`; start `ferry up` without the option to enrol others.",
    exitCode: EXIT.conflict,
  });
}
