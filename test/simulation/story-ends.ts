/** How a story may have to end, beyond what must hold of every end. */
import type { VirtualBundle } from "./virtual-bundle.ts";
import type { VirtualRollouts } from "./virtual-rollouts.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** The rollouts, in the order in which they were created, ended in one of these ways. */
export function requireStates(rollouts: VirtualRollouts, ...allowed: readonly (readonly string[])[]): void {
  const states = rollouts.all().map(({ facts }) => facts.state);
  if (allowed.some((one) => one.join() === states.join())) return;
  const whys = rollouts.all().map(({ facts }) => facts.why ?? "");
  throw new Violation("rollouts end as they should", `${states.join()} (${whys.join("; ")})`);
}

export function requireAllServe(world: World, { slot, model }: VirtualBundle, site?: string): void {
  for (const { plan, engine } of world.devices.values()) {
    if (site !== undefined && plan.labels["site"] !== site) continue;
    const serving = engine()?.serving(slot.slot)?.model.version;
    if (serving === model.version) continue;
    throw new Violation("everybody ends with the right version", `${plan.id} serves ${serving ?? "nothing"}`);
  }
}

/** No more devices than that ever gave traffic to it. */
export function requireReach(world: World, { slot }: VirtualBundle, devicesMax: number): void {
  const reached = [...world.devices.keys()].filter((device) => world.hasServed(device, slot.statement)).length;
  if (reached <= devicesMax) return;
  throw new Violation(
    "a bad version reaches few",
    `${String(reached)} devices served it, at most ${String(devicesMax)} may`,
  );
}

/** Everybody got it once: what came later came from the disk. */
export function requireNoBytes(world: World, { slot, model }: VirtualBundle, bytesMax: number): void {
  const bytes = world.bytesOf(slot.archive.sha256);
  if (bytes <= bytesMax) return;
  const detail = `${String(bytes - bytesMax)} bytes of ${model.version} were sent again`;
  throw new Violation("the way back needs no download", detail);
}
