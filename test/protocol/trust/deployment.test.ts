import t from "tap";
import type { DeviceId, FleetId, ModelName, ModelVersion, Sha256, StatementDigest } from "../../../protocol/ids.ts";
import {
  deploymentContentDigest,
  deploymentIn,
  DEPLOYMENT_TYPE,
  signDeployment,
  type Deployment,
} from "../../../protocol/trust/deployment.ts";
import { countSigningKeys, openEnvelope, signEnvelope } from "../../../protocol/trust/dsse.ts";
import { newSigner } from "../../support/keys.ts";

const director = newSigner();
const digest = (digit: string) => digit.repeat(64);
const deployment: Deployment = {
  v: 1,
  fleet: "demo" as FleetId,
  device: "cam-1" as DeviceId,
  seq: 7,
  rootVersion: 1,
  issued: "2026-11-21T10:00:00.000Z",
  expires: "2026-11-28T10:00:00.000Z",
  slots: [
    {
      slot: "digits" as ModelName,
      model: "digits" as ModelName,
      version: "1.0.0" as ModelVersion,
      statement: digest("a") as StatementDigest,
      archive: { sha256: digest("b") as Sha256, length: 10, chunkList: digest("c") as Sha256 },
    },
  ],
};

t.test("a signed deployment is read back as it was", async (t) => {
  const envelope = openEnvelope(await signDeployment(deployment, director));
  t.equal(countSigningKeys(envelope, [director.publicKey]), 1);
  t.same(deploymentIn(envelope), deployment);
});

t.test("an unknown field is refused: it might change the meaning of the others", async (t) => {
  const payload = Buffer.from(JSON.stringify({ ...deployment, unless: "sunday" }));
  const envelope = openEnvelope(await signEnvelope(DEPLOYMENT_TYPE, payload, [director]));
  t.throws(() => deploymentIn(envelope), { code: "SCHEMA", message: /unless/ });
});

t.test("re-issuing with other times and a nonce does not change the content", async (t) => {
  const reissued = {
    ...deployment,
    issued: "2026-11-22T10:00:00.000Z",
    expires: "2026-11-29T10:00:00.000Z",
    nonce: "n".repeat(22),
  };
  t.equal(deploymentContentDigest(reissued), deploymentContentDigest(deployment));
});

const [slot] = deployment.slots;
const contentCases: readonly { readonly what: string; readonly change: Partial<Deployment> }[] = [
  { what: "the device", change: { device: "cam-2" as DeviceId } },
  { what: "a slot that is gone", change: { slots: [] } },
  {
    what: "another statement",
    change: { slots: slot === undefined ? [] : [{ ...slot, statement: digest("d") as StatementDigest }] },
  },
  {
    what: "another archive of the same statement",
    change: {
      slots: slot === undefined ? [] : [{ ...slot, archive: { ...slot.archive, sha256: digest("e") as Sha256 } }],
    },
  },
  { what: "a soak time", change: { slots: slot === undefined ? [] : [{ ...slot, soakMs: 0 }] } },
  {
    what: "other traffic while it soaks",
    change: { slots: slot === undefined ? [] : [{ ...slot, traffic: { kind: "shadow", share: 1 } }] },
  },
  { what: "a parameter", change: { slots: slot === undefined ? [] : [{ ...slot, params: { threshold: 0.5 } }] } },
  { what: "a request to try again", change: { slots: slot === undefined ? [] : [{ ...slot, retry: 1 }] } },
];

t.test("parameters in another order are the same wish", async (t) => {
  if (slot === undefined) throw new Error("there is a slot");
  const [one, other] = [
    { a: 1, b: 2 },
    { b: 2, a: 1 },
  ].map((params) => deploymentContentDigest({ ...deployment, slots: [{ ...slot, params }] }));
  t.equal(one, other);
});

t.test("what a slot leaves out does not enter its digest", async (t) => {
  // Computed before these fields were there: what devices have stored stays comparable.
  t.equal(deploymentContentDigest(deployment), "ef3228698c04d039e02e168b3489e1a97aa86f57ae34b65b366bd3a11f524d5a");
});

t.test("the share of a split is a share of some requests and not of all", async (t) => {
  if (slot === undefined) throw new Error("there is a slot");
  for (const [traffic, isValid] of [
    [{ kind: "split", share: 0.1 }, true],
    [{ kind: "split", share: 1 }, false],
    [{ kind: "split", share: 0 }, false],
    [{ kind: "shadow", share: 1 }, true],
    [{ kind: "shadow", share: 1.1 }, false],
    [{ kind: "shadow", share: 1, unless: "sunday" }, false],
    [{ kind: "mirror", share: 1 }, false],
  ] as const) {
    const payload = Buffer.from(JSON.stringify({ ...deployment, slots: [{ ...slot, traffic }] }));
    const envelope = openEnvelope(await signEnvelope(DEPLOYMENT_TYPE, payload, [director]));
    if (isValid) t.match(deploymentIn(envelope).slots[0], { traffic });
    else t.throws(() => deploymentIn(envelope), { code: "SCHEMA" }, JSON.stringify(traffic));
  }
});

t.test("a new root does not make another wish of the same sequence", async (t) => {
  t.equal(deploymentContentDigest({ ...deployment, rootVersion: 2 }), deploymentContentDigest(deployment));
});

for (const { what, change } of contentCases) {
  t.test(`the content digest tells ${what} apart`, async (t) => {
    t.not(deploymentContentDigest({ ...deployment, ...change }), deploymentContentDigest(deployment));
  });
}
