/** Which alerts a receiver must be told of, from what it was told before. Pure. */
import type { Alert } from "./decide.ts";
import { isSilenced, type Silence } from "./silence.ts";

/** What a receiver was told last of one alert. */
export interface Told {
  readonly status: "firing" | "resolved";
  readonly atMs: number;
  /** Of the firing that it was told of. */
  readonly firedMs: number;
}

export interface Telling {
  readonly alert: Alert;
  readonly status: Told["status"];
}

export interface TellRequest {
  readonly alerts: readonly Alert[];
  readonly told: ReadonlyMap<string, Told>;
  readonly silences: readonly Silence[];
  /** A firing alert is told again after this, unless somebody has it in hand. */
  readonly repeatMs: number;
  /** An Alertmanager forgets what it is not told again: whoever has it in hand. */
  readonly repeatsAcknowledged: boolean;
  readonly nowMs: number;
}

/** In one message: what a chat or a pager can take. */
export const TOLD_AT_ONCE_MAX = 100;

export function whatToTell({ alerts, told, silences, repeatMs, repeatsAcknowledged, nowMs }: TellRequest): Telling[] {
  const tellings: Telling[] = [];
  for (const alert of alerts) {
    const last = told.get(alert.fingerprint);
    // An end is told to whoever was told of the beginning, silenced or not.
    if (alert.phase !== "firing") {
      if (last?.status === "firing") tellings.push({ alert, status: "resolved" });
      continue;
    }
    if (isSilenced(alert, silences, nowMs)) continue;
    const isNew = last === undefined || last.status === "resolved" || last.firedMs !== alert.firedMs;
    const mayRepeat = repeatsAcknowledged || alert.ackedBy === null;
    if (isNew || (mayRepeat && nowMs - last.atMs >= repeatMs)) tellings.push({ alert, status: "firing" });
  }
  // What is worst first, when not all fit into one message.
  return tellings.sort((a, b) => rank(a) - rank(b)).slice(0, TOLD_AT_ONCE_MAX);
}

function rank({ alert, status }: Telling): number {
  return { critical: 0, warning: 2, note: 4 }[alert.severity] + (status === "firing" ? 0 : 1);
}
