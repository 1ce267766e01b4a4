import type { Clock } from "../../../common/clock.ts";
import type { ModelVersion } from "../../../protocol/ids.ts";
import type { Evidence } from "../../../protocol/trust/evidence.ts";
import type { SoakTraffic } from "../../../protocol/trust/soak-traffic.ts";
import { keepInBackground, mayRestorePriority, restorePriority } from "../../hardware/process-priority.ts";
import type { Agreement } from "./agreement.ts";
import type { CopyOutcome, InferRequest, InferResponse, ServedTrial } from "../inference-engine.ts";
import type { TrialVersion } from "./route.ts";
import type { ServingVersion } from "./serving-version.ts";
import { ShadowCopies } from "./shadow-copies.ts";

export interface LoadedVersion {
  readonly version: ServingVersion;
  readonly evidence: Evidence;
  readonly sinceMs: number;
}

export interface TrialPorts {
  /** Requests of the slot that wait or are being computed. */
  readonly underWay: () => number;
  readonly onCopied: (version: ModelVersion, outcome: CopyOutcome) => void;
  readonly onCompared: (version: ModelVersion, agreement: Agreement) => void;
  readonly clock: Clock;
}

/** A version that soaks beside the active one: with a share of its requests, or with copies of them. */
export class Trial {
  readonly loaded: LoadedVersion;
  readonly traffic: SoakTraffic;
  readonly #copies: ShadowCopies | undefined;
  /** It computes only in time that nobody else wants: what could not be taken back later is not begun. */
  readonly #isInBackground: boolean;

  constructor(ports: TrialPorts, loaded: LoadedVersion, traffic: SoakTraffic) {
    this.loaded = loaded;
    this.traffic = traffic;
    const { version } = loaded;
    const label = version.bundle.model.version;
    version.beginTrial();
    this.#isInBackground = traffic.kind === "shadow" && mayRestorePriority();
    this.onStarted(version.pids);
    if (traffic.kind === "split") return;
    this.#copies = new ShadowCopies({
      ask: (request, isTimed) => version.answerCopy(request, isTimed),
      underWay: ports.underWay,
      onCopied: (outcome) => {
        ports.onCopied(label, outcome);
      },
      onCompared: (agreement) => {
        ports.onCompared(label, agreement);
      },
      clock: ports.clock,
    });
  }

  get version(): ServingVersion {
    return this.loaded.version;
  }

  get role(): TrialVersion {
    const { statement, model } = this.version.bundle;
    return { statement, version: model.version, traffic: this.traffic, isReady: this.version.isReady };
  }

  served(): ServedTrial {
    const { version, evidence, sinceMs } = this.loaded;
    return { bundle: version.bundle, evidence, sinceMs, ready: version.isReady, traffic: this.traffic };
  }

  /** A request of the slot has come, whoever is to answer it. */
  noteRequest(): void {
    this.#copies?.noteRequest();
  }

  /** The active version has answered a request that the trial is to see too. */
  copy(request: InferRequest, response: InferResponse): void {
    this.#copies?.offer(request, response);
  }

  /** Its processes have just been started, or started again. */
  onStarted(pids: readonly number[]): void {
    if (this.#isInBackground) for (const pid of pids) keepInBackground(pid);
  }

  /** No copies from here on. */
  end(): void {
    this.#copies?.close();
  }

  /** It is to answer everything: its processes get their full share of the processor back. */
  promote(): void {
    this.end();
    if (!this.#isInBackground) return;
    for (const pid of this.version.pids) {
      // A process that stays in the background would be slow for ever: another takes its place.
      if (!restorePriority(pid)) process.kill(pid, "SIGKILL");
    }
  }
}
