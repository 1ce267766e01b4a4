/** Whoever owns the broker can send a device any bytes, and keep any from it; keys it has none. */
import { DOCUMENT_BYTES_MAX, SIGNATURES_MAX } from "../../../../protocol/limits.ts";
import { signDeployment } from "../../../../protocol/trust/deployment.ts";
import type { DsseEnvelope } from "../../../../protocol/trust/dsse.ts";
import { signReport } from "../../../../protocol/trust/report.ts";
import { reportOf } from "../../../support/device-views.ts";
import { digitsFiles, signedBundle } from "../../../support/forged-bundle.ts";
import type { AttackCase, Stage } from "../attack.ts";
import { required } from "../attacker.ts";
import { malleated } from "../malleate.ts";

const broker = (one: Omit<AttackCase, "power">): AttackCase => ({ power: "broker", ...one });

export const BROKER_ATTACKS: readonly AttackCase[] = [
  broker({
    attack: "a model of its own, in a deployment of its own",
    outcome: "deployment-signature",
    attempt: async (attacker) => {
      const { stranger } = attacker;
      const slot = await attacker.slotOf(await signedBundle(digitsFiles("1.1.0"), [stranger]));
      await attacker.deploy([slot], {}, stranger);
    },
  }),
  broker({
    attack: "a deployment with its content changed",
    outcome: "deployment-signature",
    attempt: async (attacker) => {
      const payload = Buffer.from(JSON.stringify(attacker.wish([]))).toString("base64");
      await attacker.sendDesired({ ...attacker.newest().envelope, payload });
    },
  }),
  broker({
    attack: "an older deployment, replayed",
    outcome: "deployment-rollback",
    attempt: (attacker) => attacker.sendDesired(required("an older deployment", attacker.heard().at(-2))),
    play: async (stage, attempt) => {
      await stage.deploy([stage.spoils.base]);
      await attempt();
      return stage.refusal();
    },
  }),
  broker({
    attack: "the deployment of another device",
    outcome: "deployment-wrong-device",
    attempt: (attacker) => attacker.sendDesired(attacker.document("another device's")),
  }),
  broker({
    attack: "the deployment of another fleet",
    outcome: "deployment-wrong-device",
    attempt: (attacker) => attacker.sendDesired(attacker.document("another fleet's")),
  }),
  broker({
    attack: "a mix: the slots of two deployments under the signature of one",
    outcome: "deployment-signature",
    attempt: async (attacker) => {
      const { envelope, deployment } = attacker.newest();
      const other = await attacker.slotOf(attacker.bundle("other model"));
      const payload = Buffer.from(JSON.stringify({ ...deployment, slots: [...deployment.slots, other] }));
      await attacker.sendDesired({ ...envelope, payload: payload.toString("base64") });
    },
  }),
  broker({
    attack: "a malleated signature",
    outcome: "no effect",
    attempt: async (attacker) => {
      const { envelope } = attacker.newest();
      const signatures = envelope.signatures.map((one) => ({ ...one, sig: malleated(one.sig) }));
      await attacker.sendDesired({ ...envelope, signatures });
    },
  }),
  broker({
    attack: "loose base64",
    outcome: "deployment-malformed",
    attempt: (attacker) => {
      const { envelope } = attacker.newest();
      return attacker.sendDesired({
        ...envelope,
        payload: `${envelope.payload.slice(0, 8)}\n${envelope.payload.slice(8)}`,
      });
    },
  }),
  broker({
    attack: "duplicate JSON keys, a forged payload last",
    outcome: "deployment-signature",
    attempt: (attacker) =>
      attacker.sendDesired(withSecondPayload(attacker.newest().envelope, attacker.wish([]), "last")),
  }),
  broker({
    attack: "duplicate JSON keys, a forged payload first",
    outcome: "no effect",
    attempt: (attacker) =>
      attacker.sendDesired(withSecondPayload(attacker.newest().envelope, attacker.wish([]), "first")),
  }),
  broker({
    attack: "bytes after the end of a document",
    outcome: "deployment-malformed",
    attempt: (attacker) => attacker.sendDesired(`${JSON.stringify(attacker.newest().envelope)}{}`),
  }),
  broker({
    attack: "a document of megabytes",
    outcome: "deployment-malformed",
    attempt: (attacker) => {
      const { envelope } = attacker.newest();
      return attacker.sendDesired({ ...envelope, payload: Buffer.alloc(40 * DOCUMENT_BYTES_MAX).toString("base64") });
    },
  }),
  broker({
    attack: "more signatures than are looked at",
    outcome: "deployment-malformed",
    attempt: (attacker) => {
      const { envelope } = attacker.newest();
      const [first] = envelope.signatures;
      const signatures = Array.from({ length: SIGNATURES_MAX + 1 }, () => first);
      return attacker.sendDesired({ ...envelope, signatures });
    },
  }),
  broker({
    attack: "a signed report in the place of a deployment",
    outcome: "deployment-malformed",
    attempt: (attacker) =>
      attacker.sendDesired(required("a report", attacker.broker.heard(attacker.topics.report).at(-1))),
  }),
  broker({
    attack: "a root in the place of a deployment",
    outcome: "deployment-malformed",
    attempt: (attacker) => attacker.sendDesired(attacker.document("a root by one owner of two")),
  }),
  broker({
    attack: "a deployment called a report",
    outcome: "deployment-malformed",
    attempt: (attacker) =>
      attacker.sendDesired({ ...attacker.newest().envelope, payloadType: "application/vnd.modelferry.report.v1+json" }),
  }),
  broker({
    attack: "a forged report to the controller",
    outcome: "report refused",
    attempt: async (attacker) => {
      const { fleet, device } = attacker.loot;
      const forged = reportOf(device, { fleet, counter: Number.MAX_SAFE_INTEGER });
      await attacker.broker.send(attacker.topics.report, JSON.stringify(await signReport(forged, attacker.stranger)));
    },
    play: (stage, attempt) => reportOutcome(stage, attempt),
  }),
  broker({
    attack: "an older report to the controller, replayed",
    outcome: "report refused",
    attempt: (attacker) => {
      const first = required("a report", attacker.broker.heard(attacker.topics.report)[0]);
      return attacker.broker.send(attacker.topics.report, first);
    },
    play: (stage, attempt) => reportOutcome(stage, attempt),
  }),
  broker({
    attack: "a deployment sent to the controller as the device's report",
    outcome: "report refused",
    attempt: async (attacker) => {
      const signed = await signDeployment(attacker.wish([]), attacker.stranger);
      await attacker.broker.send(attacker.topics.report, JSON.stringify(signed));
    },
    play: (stage, attempt) => reportOutcome(stage, attempt),
  }),
];

/** The controller's view of the device must come from the device. */
async function reportOutcome({ honest, until }: Stage, attempt: () => Promise<void>) {
  const believed = honest.report()?.counter ?? 0;
  const before = honest.outcomes.length;
  await attempt();
  await until("the controller has judged it", () =>
    honest.outcomes.slice(before).some(({ kind }) => kind === "refused"),
  );
  return (honest.report()?.counter ?? 0) > believed + 10 ? "recovers" : "report refused";
}

/** One envelope with two payloads: which of them counts must be which was signed. */
function withSecondPayload(envelope: DsseEnvelope, forged: object, place: "first" | "last"): string {
  const { payload, ...rest } = envelope;
  const field = (text: string) => `"payload":${JSON.stringify(text)}`;
  const evil = field(Buffer.from(JSON.stringify(forged)).toString("base64"));
  const [first, last] = place === "first" ? [evil, field(payload)] : [field(payload), evil];
  return `{${first},${JSON.stringify(rest).slice(1, -1)},${last}}`;
}
