import type { DeviceId } from "../../protocol/ids.ts";

/**
 * In which order a rollout takes its devices: stable within one rollout, and another one in each, so that the same devices are
 * not the canaries every time. FNV-1a over both, 32 bits, unsigned.
 */
export function orderOf(rollout: number, device: DeviceId): number {
  let hash = 0x811c9dc5;
  const text = `${rollout} ${device}`;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  // FNV's low bits are good and its high ones are not where texts differ only at their end: mixed as MurmurHash3 ends.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
