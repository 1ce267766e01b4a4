/** Who may ask what over HTTP: whoever has the token, where there is one. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { HttpError } from "./http-answer.ts";

export interface AccessTokens {
  /** Undefined: everybody who can reach the port may ask. */
  readonly caller?: string | undefined;
  /** For what changes the device; also good for whatever a caller may. Undefined: nobody may. */
  readonly admin?: string | undefined;
}

export interface Access {
  /** Throws HttpError 401. */
  readonly checkCaller: (path: string, headers: IncomingHttpHeaders) => void;
  /** Throws HttpError 401, or 403 where this device has no administrator's token. */
  readonly checkAdmin: (headers: IncomingHttpHeaders) => void;
}

/** What asks whether a device is alive has no token, and learns no more from these than that. */
const PROBES: ReadonlySet<string> = new Set(["/healthz", "/health", "/ping", "/v2/health/live", "/v2/health/ready"]);

export function accessWith({ caller, admin }: AccessTokens): Access {
  return {
    checkCaller: (path, headers) => {
      if (caller === undefined || PROBES.has(path)) return;
      const shown = bearerIn(headers) ?? passwordIn(headers);
      if (isSame(shown, caller) || (admin !== undefined && isSame(shown, admin))) return;
      throw new HttpError(401, `${wrong(shown)}: send Authorization: Bearer TOKEN; \`ferry-agent token\` prints it`, {
        // A browser asks a person for a name, which may be anything, and a password, which is the token.
        "www-authenticate": 'Bearer realm="modelferry", Basic realm="modelferry", charset="UTF-8"',
      });
    },
    checkAdmin: (headers) => {
      if (admin === undefined) {
        const how = "`ferry-agent token --admin --create` makes one for it, and `ferry rollout create` brings models";
        throw new HttpError(
          403,
          `Models come signed from the controller; here an administrator may suspend them: ${how}`,
        );
      }
      // Never a password: browsers send one along with what other sites make them ask.
      const shown = bearerIn(headers);
      if (isSame(shown, admin)) return;
      const what = "this takes Authorization: Bearer with the administrator's token (`ferry-agent token --admin`)";
      throw new HttpError(401, `${wrong(shown)}: ${what}`, { "www-authenticate": 'Bearer realm="modelferry admin"' });
    },
  };
}

function wrong(shown: string | undefined): string {
  return shown === undefined ? "The request has no token" : "The token is another one than this device's";
}

function bearerIn({ authorization }: IncomingHttpHeaders): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}

function passwordIn({ authorization }: IncomingHttpHeaders): string | undefined {
  const base64 = /^Basic +(\S+) *$/i.exec(authorization ?? "")?.[1];
  if (base64 === undefined) return undefined;
  const text = Buffer.from(base64, "base64").toString();
  return text.slice(text.indexOf(":") + 1);
}

/** Takes as long wherever the two differ: digests are compared, which nobody can choose. */
function isSame(shown: string | undefined, token: string): boolean {
  return shown !== undefined && timingSafeEqual(digestOf(shown), digestOf(token));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
