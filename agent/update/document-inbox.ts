/** What the device does about each signed document that arrives: judge, store, tell, act; in that order. */
import type { Log } from "../../common/log.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { recordEvent, type RecordSink } from "../telemetry/event.ts";
import type { TrustKeeper } from "./trust-keeper.ts";

export interface DocumentInboxPorts {
  readonly trust: TrustKeeper;
  /** The accepted deployment, which is on disk already. */
  readonly apply: (deployment: Deployment) => void;
  /** An answer to the device's own nonce came in time. */
  readonly onAnswer: () => void;
  /** The device should ask for its deployment again. */
  readonly askAgain: () => void;
  /** Something that the report says has changed. */
  readonly onNews: () => void;
  readonly sink: RecordSink;
  readonly log: Log;
}

export interface DocumentInbox {
  readonly onDesired: (payload: Uint8Array) => void;
  readonly onRoot: (version: number, payload: Uint8Array) => void;
}

export function createDocumentInbox(ports: DocumentInboxPorts): DocumentInbox {
  const { trust, sink, log } = ports;
  let told: Refusal | undefined;

  /** A document that is repeated says nothing: a broker must not fill the telemetry with it. */
  function tellRefusal(refusal: Refusal): void {
    if (told?.message === refusal.message) return;
    told = refusal;
    log.warn(refusal, "a signed document was refused");
    recordEvent(sink, "deployment-refused", refusal);
    ports.onNews();
  }

  return {
    onDesired: (payload) => {
      const seqBefore = trust.seq();
      const verdict = trust.judge(payload);
      if (verdict.kind === "refused") {
        // The retained document that greets each connection is always unfresh: the answer to the hello follows it.
        if (verdict.refusal.code !== "deployment-unfresh") tellRefusal(verdict.refusal);
        return;
      }
      const { deployment } = verdict;
      told = undefined;
      if (verdict.isAnswer) ports.onAnswer();
      if (deployment.seq !== seqBefore) {
        log.info({ seq: deployment.seq, slots: deployment.slots.length }, "accepted a deployment");
        recordEvent(sink, "deployment-accepted", { seq: deployment.seq });
      }
      ports.apply(deployment);
      ports.onNews();
    },
    onRoot: (version, payload) => {
      const { accepted, refusal } = trust.learnRoot(version, payload);
      if (accepted.length > 0) {
        log.info({ version: trust.root().version }, "accepted a root");
        // What was refused for want of this root comes again, with a nonce.
        ports.askAgain();
        ports.onNews();
      }
      if (refusal !== undefined) tellRefusal(refusal);
    },
  };
}
