/** The devices of one rollout, and what the engine would ask the database about them. */
import type { DeviceId } from "../../protocol/ids.ts";
import { stageTarget } from "../../controller/rollout/choose-devices.ts";
import { orderOf } from "../../controller/rollout/order-of.ts";
import type { RolloutFacts, RolloutMember } from "../../controller/rollout/situation.ts";
import { Counts, type Tally } from "../../controller/rollout/tally.ts";
import type { VirtualFleet } from "./virtual-fleet.ts";

type Member = Omit<RolloutMember, "view">;

export class Members {
  readonly #members = new Map<DeviceId, Member>();
  readonly #counts = new Counts([]);
  /** In the rollout's own order. */
  #ordered: DeviceId[] = [];
  /** When tries began, ascending. */
  #begun: number[] = [];
  #cursor = 0;

  has(device: DeviceId): boolean {
    return this.#members.has(device);
  }

  isLive(device: DeviceId): boolean {
    return this.#members.get(device)?.live === true;
  }

  get(device: DeviceId): RolloutMember {
    const member = this.#members.get(device);
    if (member === undefined) throw new Error(`${device} is no member`);
    return { ...member, view: undefined };
  }

  all(): Iterable<Member> {
    return this.#members.values();
  }

  add(rollout: number, device: DeviceId): void {
    this.put({
      device,
      order: orderOf(rollout, device),
      state: "waiting",
      stage: null,
      ask: "none",
      live: true,
      reachable: false,
      tries: 0,
      why: null,
      seq: null,
      startedMs: null,
      previous: undefined,
    });
    this.#ordered.push(device);
    this.#ordered.sort((one, other) => this.get(one).order - this.get(other).order);
  }

  put(member: Member): void {
    const before = this.#members.get(member.device);
    if (before !== undefined) this.#counts.add(before, -1);
    this.#counts.add(member, 1);
    if (member.startedMs !== null && member.startedMs !== before?.startedMs) this.#begun.push(member.startedMs);
    this.#members.set(member.device, member);
  }

  /** Another rollout has the device; what was settled stays what it was. */
  supersede(device: DeviceId): void {
    const member = this.#members.get(device);
    if (member?.live !== true) return;
    const isOpen = member.state === "waiting" || member.state === "deploying" || member.state === "reverting";
    this.put({ ...member, live: false, ...(isOpen ? { state: "superseded", why: "another rollout has it" } : {}) });
  }

  /** Where the earlier rollout was not done, what the device had before that one is still what it goes back to; see `createRollout`. */
  inherit(device: DeviceId, earlier: Members): void {
    const before = earlier.#members.get(device);
    const own = this.#members.get(device);
    if (before === undefined || own === undefined || before.ask === "none") return;
    if (before.state === "done" || before.state === "reverted" || before.state === "superseded") return;
    const isMerelyLate = before.state === "waiting" || before.state === "deploying";
    if (before.previous === null && isMerelyLate) return;
    this.put({ ...own, previous: before.previous });
  }

  tally(): Tally {
    return this.#counts.cells();
  }

  count(matches: (member: Member) => boolean): number {
    let count = 0;
    for (const member of this.#members.values()) if (matches(member)) count += 1;
    return count;
  }

  /** With what is known of each; those that are not members, or not any more, are left out. */
  views(devices: Iterable<DeviceId>, fleet: VirtualFleet): RolloutMember[] {
    const found: RolloutMember[] = [];
    for (const device of devices) {
      const member = this.#members.get(device);
      if (member?.live === true) found.push({ ...member, view: fleet.view(device) });
    }
    return found;
  }

  begunSince(ms: number): number {
    this.#begun = this.#begun.filter((atMs) => atMs > ms);
    return this.#begun.length;
  }

  overdue(deploymentMsMax: number, nowMs: number): DeviceId[] {
    const devices: DeviceId[] = [];
    for (const { device, live, state, reachable, startedMs } of this.#members.values()) {
      const isOpen = live && reachable && (state === "deploying" || state === "reverting");
      if (isOpen && (startedMs ?? nowMs) < nowMs - deploymentMsMax) devices.push(device);
    }
    return devices;
  }

  /** Some of those that are not settled, others each time. */
  unsettled(limit: number): DeviceId[] {
    const open = [...this.#members.values()].filter(
      ({ live, state }) => live && (state === "waiting" || state === "deploying" || state === "reverting"),
    );
    if (this.#cursor >= open.length) this.#cursor = 0;
    const some = open.slice(this.#cursor, this.#cursor + limit);
    this.#cursor += some.length;
    return some.map(({ device }) => device);
  }

  /** Those that may be taken, or turned back, next. */
  next(facts: RolloutFacts, limit: number): { readonly devices: readonly DeviceId[]; readonly hasMore: boolean } {
    switch (facts.state) {
      case "running":
        return facts.phase === "deploying" ? this.#toTake(facts, facts.stage) : NOBODY;
      case "completed":
      case "failed":
        return this.#toTake(facts, facts.spec.stages.length - 1);
      case "rolling-back":
      case "rolled-back":
        return this.#toRevert(limit);
      case "paused":
      case "aborted":
      case "superseded":
        return NOBODY;
    }
  }

  #toTake({ spec }: RolloutFacts, stage: number) {
    const take = spec.stages[stage]?.take;
    if (take === undefined) return NOBODY;
    const waiting = this.#ordered.filter((device) => {
      const member = this.#members.get(device);
      return member?.live === true && member.state === "waiting" && member.ask === "none" && member.reachable;
    });
    if (take.kind === "selector") return { devices: waiting, hasMore: false };
    const taken = this.#counts.count((standing) => standing.stage !== null);
    const devices = waiting.slice(0, Math.max(0, stageTarget(take, taken + waiting.length) - taken));
    return { devices, hasMore: false };
  }

  #toRevert(limit: number) {
    const members = [...this.#members.values()].filter(
      ({ ask, live, state, reachable }) => ask === "forward" && live && (state !== "reverting" || reachable),
    );
    members.sort((one, other) => (other.stage ?? 0) - (one.stage ?? 0) || one.order - other.order);
    return { devices: members.slice(0, limit).map(({ device }) => device), hasMore: members.length > limit };
  }
}

const NOBODY = { devices: [], hasMore: false } as const;
