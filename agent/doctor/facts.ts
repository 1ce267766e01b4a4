/** What `ferry-agent doctor` looks at, as `gather.ts` finds it and `judge.ts` judges it. */
import type { FoundProviders } from "../hardware/discover-providers.ts";
import type { Fact } from "./check.ts";

export interface DoctorFacts {
  readonly nowMs: number;
  readonly kernel: { readonly platform: string; readonly release: string; readonly arch: string };
  /** Undefined where the C library is another one. */
  readonly glibc: string | undefined;
  /** Available: under every limit that this process has; undefined where nobody can tell. */
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number | undefined };
  readonly controlGroup: { readonly version: 1 | 2; readonly path: string } | undefined;
  readonly providers: Fact<FoundProviders>;
  /** Unknown: it cannot be written. */
  readonly disk: Fact<{ readonly path: string; readonly freeBytes: number; readonly syncMs: number }>;
  readonly files: readonly FileFact[];
  readonly databases: readonly DatabaseFact[];
  readonly config:
    | { readonly kind: "joined"; readonly fleet: string; readonly device: string }
    | { readonly kind: "not-joined" }
    | { readonly kind: "invalid"; readonly why: string };
  /** Moments that have passed for certain. */
  readonly floors: readonly { readonly what: string; readonly atMs: number }[];
  /** By the controller's own clock; undefined where it did not answer. */
  readonly controllerMs: number | undefined;
  readonly certificate:
    | { readonly kind: "none" }
    | { readonly kind: "unusable"; readonly why: string }
    | { readonly kind: "usable"; readonly fromMs: number; readonly untilMs: number };
  readonly broker: BrokerFact;
  /** Why not, where the agent cannot update itself. */
  readonly selfUpdate: string | undefined;
}

export interface FileFact {
  readonly path: string;
  readonly mode: number;
  readonly isReadable: boolean;
  /** Nobody else may read it. */
  readonly isSecret: boolean;
  /** Numbers of the users to whom it and the agent's folder belong. */
  readonly ownerId: number;
  readonly folderOwnerId: number;
}

export interface DatabaseFact {
  readonly path: string;
  readonly verdict:
    { readonly kind: "sound" } | { readonly kind: "in-use" } | { readonly kind: "damaged"; readonly why: string };
}

export type BrokerFact =
  | { readonly kind: "none" }
  /** An agent runs, whose connection a second one of the same name would end. */
  | { readonly kind: "running"; readonly url: string; readonly connected: boolean }
  | { readonly kind: "reached"; readonly url: string; readonly isProtected: boolean }
  | {
      readonly kind: "failed";
      readonly url: string;
      readonly step: BrokerStep;
      readonly why: string;
    };

/**
 * Where the way to the broker ends. TLS may fail for what the broker shows (`tls-name`: a certificate for other names,
 * `tls-authority`: of an issuer who is not known here, `tls-time`: for another time) or for what this device shows
 * (`tls-device`).
 */
export type BrokerStep = "dns" | "tcp" | "tls" | "tls-name" | "tls-authority" | "tls-time" | "tls-device" | "mqtt";
