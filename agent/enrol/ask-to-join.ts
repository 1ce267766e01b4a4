/** Asks a controller to let this device in, until an operator has compared its key and said yes or no. */
import type { KeyObject } from "node:crypto";
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import type { Clock } from "../../common/clock.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import {
  checkAskAnswer,
  ENROL_ASK_PATH,
  ENROL_BODY_BYTES_MAX,
  type AskAnswer,
  type AskRequest,
  type EnrolAnswer,
} from "../../protocol/enrol/enrol-messages.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { parseJson } from "../../protocol/schema.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { publicKeyFrom } from "../../protocol/trust/keys.ts";
import { askEndpoint, type EnrolEndpoint } from "./enrol-connection.ts";
import { checkedAnswer, requestFor } from "./enrol.ts";

export interface Waiting {
  readonly fleet: FleetId;
  readonly device: DeviceId;
  /** SHA-256 of the device's public key: what the operator compares with what this machine shows. */
  readonly fingerprint: string;
}

export interface AskingPorts {
  readonly endpoint: EnrolEndpoint;
  /** Undefined: the one that the controller serves. */
  readonly fleet: FleetId | undefined;
  readonly device: DeviceId;
  readonly key: KeyObject;
  /** When the controller has written the request down; again after it could not be asked for a while. */
  readonly onWaiting: (waiting: Waiting) => void;
  /** Why it cannot be asked at present; each reason once, and it is asked again. */
  readonly onTrouble: (why: string) => void;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The operator stands beside the machine at first, and may come back tomorrow: from 2 s to 30 s between two questions. */
const ASK: BackoffPolicy = { firstMs: 4_000, mostMs: 30_000 };
/** Questions at each pace before the next, slower one. */
const ASKED_AT_ONE_PACE = 30;
/** As long as the longest invitation serves; asking again after that goes on where it was. */
const WAIT_MS_MAX = 24 * 3_600_000;

export interface LetIn {
  readonly fleet: FleetId;
  readonly answer: EnrolAnswer;
}

/** Throws FerryError: the controller's refusal under its own code, `approval-timed-out`, `enrol-impostor`. */
export async function askToJoin(ports: AskingPorts): Promise<LetIn> {
  const { device, key, onWaiting, onTrouble, clock, random } = ports;
  const untilMs = clock.monotonicMs() + WAIT_MS_MAX;
  let told: string | undefined;
  for (let asked = 0; clock.monotonicMs() < untilMs; asked += 1) {
    const answer = await askOnce(ports);
    switch (answer.state) {
      case "granted":
        return { fleet: answer.fleet, answer: checkedAnswer(answer.granted, ports.endpoint, key, device) };
      case "waiting":
        if (told !== "waiting") onWaiting({ fleet: answer.fleet, device, fingerprint: publicKeyFrom(key).fingerprint });
        told = "waiting";
        break;
      case "not-asked":
        if (told !== answer.why) onTrouble(answer.why);
        told = answer.why;
        break;
      default:
        return unreachable(answer);
    }
    await clock.sleep(backoffMs(ASK, Math.floor(asked / ASKED_AT_ONE_PACE), random));
  }
  throw new FerryError(
    "approval-timed-out",
    `Nobody has decided about ${device} for ${WAIT_MS_MAX / 3_600_000} hours`,
    {
      hint: "Tell an operator (`ferry device pending` on their side), then run this again: the key stays the same.",
      exitCode: EXIT.timedOut,
    },
  );
}

/** The controller could not be asked, or has no room yet. */
interface NotAsked {
  readonly state: "not-asked";
  readonly why: string;
}

/** Each time with a request that is signed anew. */
async function askOnce({ endpoint, fleet, device, key }: AskingPorts): Promise<AskAnswer | NotAsked> {
  const request: AskRequest = {
    device,
    csr: await requestFor(key, device),
    ...(fleet === undefined ? {} : { fleet }),
  };
  try {
    const bytes = await askEndpoint(endpoint, "POST", ENROL_ASK_PATH, request);
    return parseJson("answer", bytes, ENROL_BODY_BYTES_MAX, checkAskAnswer);
  } catch (thrown) {
    // What passes by itself: no connection, too much to do, no place among those who wait.
    if (!(thrown instanceof FerryError) || thrown.exitCode !== EXIT.unreachable) throw thrown;
    return { state: "not-asked", why: thrown.message };
  }
}
