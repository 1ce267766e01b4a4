/** How long each device was there in a window, from what is known of the present and what the history says. Pure. */
import type { DeviceId } from "../../protocol/ids.ts";

export interface KnownPresence {
  readonly id: DeviceId;
  readonly online: boolean;
  /** When `online` last changed. */
  readonly onlineSinceMs: number;
  readonly firstSeenMs: number;
}

/** A device came or went. */
export interface PresenceChange {
  readonly device: DeviceId;
  readonly atMs: number;
  readonly online: boolean;
}

export interface DevicePresence {
  readonly device: DeviceId;
  /** Ascending, without a hole, from the window's start or the device's first sight to its end. */
  readonly spans: readonly { readonly fromMs: number; readonly toMs: number; readonly online: boolean }[];
  readonly onlineMs: number;
  readonly knownMs: number;
  /** Times it went away. */
  readonly losses: number;
}

export interface PresenceWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * `changes` ascend by time. From the last one on, the present state holds; before the first one, its opposite. A device
 * without a change in the window was all the time as it is.
 */
export function presenceOf(
  { id, online, onlineSinceMs, firstSeenMs }: KnownPresence,
  changes: readonly Omit<PresenceChange, "device">[],
  { fromMs, toMs }: PresenceWindow,
): DevicePresence {
  const startMs = Math.min(toMs, Math.max(fromMs, firstSeenMs));
  const within = changes.filter(({ atMs }) => atMs > startMs && atMs < toMs);
  // The history is bounded: where it has forgotten the last change, the device itself still knows it.
  const last = within.at(-1);
  const all =
    onlineSinceMs > startMs && onlineSinceMs < toMs && last?.online !== online
      ? [...within, { atMs: Math.max(onlineSinceMs, last?.atMs ?? 0), online }]
      : within;
  const [first] = all;
  let state = first === undefined ? online : !first.online;
  let atMs = startMs;
  let losses = 0;
  const spans: { fromMs: number; toMs: number; online: boolean }[] = [];
  for (const change of all) {
    if (change.online === state) continue;
    spans.push({ fromMs: atMs, toMs: change.atMs, online: state });
    if (!change.online) losses += 1;
    state = change.online;
    atMs = change.atMs;
  }
  if (toMs > atMs) spans.push({ fromMs: atMs, toMs, online: state });
  const onlineMs = spans.reduce((sum, span) => sum + (span.online ? span.toMs - span.fromMs : 0), 0);
  return { device: id, spans, onlineMs, knownMs: toMs - startMs, losses };
}
