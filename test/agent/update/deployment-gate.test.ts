import t from "tap";
import type { DeviceId, FleetId, ModelName, ModelVersion, Sha256, StatementDigest } from "../../../protocol/ids.ts";
import { DOCUMENT_BYTES_MAX, NONCE_ANSWER_MS_MAX, SIGNATURES_MAX } from "../../../protocol/limits.ts";
import { deploymentContentDigest, signDeployment, type Deployment } from "../../../protocol/trust/deployment.ts";
import { signEnvelope, type DsseEnvelope } from "../../../protocol/trust/dsse.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import type { RefusalCode } from "../../../protocol/trust/refusal.ts";
import { CLOCK_STEP_MS_MAX, judgeDeployment, type GateRequest } from "../../../agent/update/deployment-gate.ts";
import { FRESH_MS_MAX, trustedNowMs, type TrustedTime } from "../../../agent/update/trusted-time.ts";
import { newOwners, newRoot, newSigner, rootOf } from "../../support/keys.ts";

const owners = newOwners();
const root = await newRoot(owners);
const ISSUED_MS = Date.now();
const DAY_MS = 86_400_000;
const NONCE = "n".repeat(24);

const fleet = "demo" as FleetId;
const device = "one" as DeviceId;

/** Fresh since a minute before the document was issued; the boot clock says 1,000 s. */
const freshTime: TrustedTime = {
  bootMs: 1_000_000,
  challenges: [],
  anchor: { issuedMs: ISSUED_MS - 60_000, atBootMs: 940_000 },
};
/** Has just asked, and heard nothing yet. */
const askingTime: TrustedTime = {
  bootMs: 1_000_000,
  challenges: [{ nonce: NONCE, sentAtBootMs: 999_000 }],
  anchor: null,
};

function deployment(changes: Partial<Deployment> = {}): Deployment {
  const digest = "1".repeat(64);
  return {
    v: 1,
    fleet,
    device,
    seq: 5,
    rootVersion: 1,
    issued: new Date(ISSUED_MS).toISOString(),
    expires: new Date(ISSUED_MS + 7 * DAY_MS).toISOString(),
    slots: [
      {
        slot: "digits" as ModelName,
        model: "digits" as ModelName,
        version: "1.0.0" as ModelVersion,
        statement: digest as StatementDigest,
        archive: { sha256: digest as Sha256, length: 10, chunkList: digest as Sha256 },
      },
    ],
    ...changes,
  };
}

const bytesOf = (envelope: DsseEnvelope) => Buffer.from(JSON.stringify(envelope));
const signed = async (changes: Partial<Deployment> = {}, signer: Signer = owners.director) =>
  bytesOf(await signDeployment(deployment(changes), signer));
const request = (bytes: Uint8Array, changes: Partial<GateRequest> = {}): GateRequest => ({
  bytes,
  fleet,
  device,
  trust: { root, seq: 4, contentDigest: "0".repeat(64) as Sha256, timeFloorMs: ISSUED_MS - DAY_MS },
  time: freshTime,
  ...changes,
});
const trustWith = (changes: Partial<GateRequest["trust"]>) => ({
  trust: { ...request(Buffer.of()).trust, ...changes },
});

t.test("a deployment that its director signed for this device is accepted, with what to store", async (t) => {
  const verdict = judgeDeployment(request(await signed()));
  t.match(verdict, {
    kind: "accepted",
    deployment: deployment(),
    isAnswer: false,
    trust: { root, seq: 5, contentDigest: deploymentContentDigest(deployment()), timeFloorMs: ISSUED_MS },
  });
});

t.test("the same deployment issued again is accepted", async (t) => {
  const again = await signed({ issued: new Date(ISSUED_MS + 5_000).toISOString(), nonce: NONCE });
  const known = trustWith({ seq: 5, contentDigest: deploymentContentDigest(deployment()) });
  t.match(judgeDeployment(request(again, known)), { kind: "accepted" });
});

t.test("an answer to the device's own nonce makes it fresh, whatever its clock said before", async (t) => {
  const answer = await signed({ nonce: NONCE });
  for (const anchor of [
    null,
    { issuedMs: 0, atBootMs: 0 },
    { issuedMs: ISSUED_MS + 999 * DAY_MS, atBootMs: 900_000 },
  ]) {
    const verdict = judgeDeployment(request(answer, { time: { ...askingTime, anchor } }));
    if (verdict.kind !== "accepted") throw new Error(verdict.refusal.message);
    t.equal(verdict.isAnswer, true);
    t.strictSame(verdict.anchor, { issuedMs: ISSUED_MS, atBootMs: 1_000_000 });
    t.equal(trustedNowMs({ ...askingTime, anchor: verdict.anchor, bootMs: 1_003_000 }), ISSUED_MS + 3_000);
  }
});

interface Refusal {
  readonly when: string;
  readonly bytes: Uint8Array | Promise<Uint8Array>;
  readonly given?: Partial<GateRequest>;
  readonly code: RefusalCode;
}

const stranger = newSigner();
const two = newOwners();
const both = { keys: [owners.director.publicKey, two.director.publicKey], threshold: 2 };
const twoOfTwo = await newRoot(owners, { roles: { ...rootOf(owners).roles, director: both } });
const envelope = JSON.parse((await signed()).toString()) as DsseEnvelope;
const [signature] = envelope.signatures;
const withPayload = (text: string) =>
  signEnvelope("application/vnd.modelferry.deployment.v1+json", Buffer.from(text), [owners.director]).then(bytesOf);
const isoAt = (ms: number) => new Date(ms).toISOString();

const refusals: readonly Refusal[] = [
  {
    when: "it is larger than any document may be",
    bytes: Buffer.alloc(2 * DOCUMENT_BYTES_MAX + 1),
    code: "deployment-malformed",
  },
  { when: "it is no JSON", bytes: Buffer.from("hello"), code: "deployment-malformed" },
  {
    when: "bytes follow the document",
    bytes: Buffer.from(`${JSON.stringify(envelope)}x`),
    code: "deployment-malformed",
  },
  {
    when: "its base64 is loose: two texts would mean one document",
    bytes: bytesOf({ ...envelope, payload: `${envelope.payload.slice(0, 8)}\n${envelope.payload.slice(8)}` }),
    code: "deployment-malformed",
  },
  {
    when: "it carries more signatures than are looked at",
    bytes: bytesOf({
      ...envelope,
      signatures: Array.from({ length: SIGNATURES_MAX + 1 }, () => signature ?? { sig: "" }),
    }),
    code: "deployment-malformed",
  },
  {
    when: "it is a document of another type, signed by the director",
    bytes: signEnvelope("application/vnd.modelferry.report.v1+json", Buffer.from(JSON.stringify(deployment())), [
      owners.director,
    ]).then(bytesOf),
    code: "deployment-malformed",
  },
  { when: "a stranger signed it", bytes: signed({}, stranger), code: "deployment-signature" },
  {
    when: "the publisher signed it, who is not the director",
    bytes: signed({}, owners.publisher),
    code: "deployment-signature",
  },
  {
    when: "its payload was changed after it was signed",
    bytes: bytesOf({ ...envelope, payload: Buffer.from(JSON.stringify(deployment({ seq: 6 }))).toString("base64") }),
    code: "deployment-signature",
  },
  {
    when: "one director signed twice where two must",
    bytes: bytesOf({
      ...envelope,
      signatures: signature === undefined ? [] : [signature, { ...signature, keyid: "another" }],
    }),
    given: trustWith({ root: twoOfTwo }),
    code: "deployment-signature",
  },
  {
    when: "a field is unknown, which might change the meaning of the others",
    bytes: withPayload(JSON.stringify({ ...deployment(), urgent: true })),
    code: "deployment-malformed",
  },
  {
    when: "it is of another version of the format",
    bytes: withPayload(JSON.stringify({ ...deployment(), v: 2 })),
    code: "deployment-malformed",
  },
  {
    when: "it names one slot twice",
    bytes: signed({ slots: [...deployment().slots, ...deployment().slots] }),
    code: "deployment-malformed",
  },
  { when: "it is for another device", bytes: signed({ device: "two" as DeviceId }), code: "deployment-wrong-device" },
  { when: "it is for another fleet", bytes: signed({ fleet: "other" as FleetId }), code: "deployment-wrong-device" },
  {
    when: "its director knows a root that the device was kept from",
    bytes: signed({ rootVersion: 2 }),
    code: "deployment-root-unknown",
  },
  { when: "it is older than the one accepted before", bytes: signed({ seq: 3 }), code: "deployment-rollback" },
  { when: "it carries the number of another one", bytes: signed({ seq: 4 }), code: "deployment-equivocation" },
  {
    when: "it was issued long before one that was accepted",
    bytes: signed(),
    given: trustWith({ timeFloorMs: ISSUED_MS + CLOCK_STEP_MS_MAX + 1 }),
    code: "deployment-rollback",
  },
  { when: "nothing vouches for the time", bytes: signed(), given: { time: askingTime }, code: "deployment-unfresh" },
  {
    when: "it answers a nonce that was never asked",
    bytes: signed({ nonce: "m".repeat(24) }),
    given: { time: askingTime },
    code: "deployment-unfresh",
  },
  {
    when: "the answer was held back longer than it may take",
    bytes: signed({ nonce: NONCE }),
    given: { time: { ...askingTime, bootMs: 999_000 + NONCE_ANSWER_MS_MAX + 1 } },
    code: "deployment-unfresh",
  },
  {
    when: "the last answer is too long ago",
    bytes: signed(),
    given: { time: { ...freshTime, bootMs: 940_000 + FRESH_MS_MAX + 1 } },
    code: "deployment-unfresh",
  },
  {
    when: "it was issued in the future",
    bytes: signed({ issued: isoAt(ISSUED_MS + DAY_MS) }),
    code: "deployment-unfresh",
  },
  {
    when: "it has expired",
    bytes: signed({ issued: isoAt(ISSUED_MS - 3_600_000), expires: isoAt(ISSUED_MS - 1) }),
    code: "deployment-expired",
  },
  {
    when: "it expires before it is issued",
    bytes: signed({ expires: isoAt(ISSUED_MS - 1) }),
    code: "deployment-malformed",
  },
  {
    when: "its times are none",
    bytes: signed({ issued: "2026-02-31T99:99:99.000Z" }),
    code: "deployment-malformed",
  },
  {
    when: "the root has expired",
    bytes: signed(),
    given: trustWith({ root: { ...root, expiresMs: ISSUED_MS - 1 } }),
    code: "root-expired",
  },
];

for (const { when, bytes, given, code } of refusals) {
  t.test(`${code} when ${when}`, async (t) => {
    t.match(judgeDeployment(request(await bytes, given)), { kind: "refused", refusal: { code, message: /./ } });
  });
}
