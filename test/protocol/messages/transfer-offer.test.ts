import t from "tap";
import { encodeCbor } from "../../../protocol/cbor.ts";
import { ALL_DEVICES, type DeviceId, type TransferId } from "../../../protocol/ids.ts";
import { BUNDLE_BYTES_MAX, PUBLISH_BYTES_MAX } from "../../../protocol/limits.ts";
import { decodeTransferOffer, encodeTransferOffer, SENTINELS_MAX } from "../../../protocol/messages/transfer-offer.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";

const offer = {
  transfer: "0123456789abcdef" as TransferId,
  group: ALL_DEVICES,
  archive: { sha256: sha256("archive"), length: 1_000, chunkList: sha256("list") },
  lane: "broadcast",
  sentinels: ["cam-1" as DeviceId],
  through: 0,
} as const;

t.test("an offer survives the wire", async (t) => {
  t.same(decodeTransferOffer(encodeTransferOffer({ ...offer, sentinels: [...offer.sentinels] })), offer);
});

t.test("the largest offer fits one publish", async (t) => {
  const sentinels = Array.from({ length: SENTINELS_MAX }, () => "d".repeat(63) as DeviceId);
  const bytes = encodeTransferOffer({ ...offer, sentinels });
  t.ok(bytes.byteLength < PUBLISH_BYTES_MAX);
  t.equal(decodeTransferOffer(bytes).sentinels.length, SENTINELS_MAX);
});

const refused = [
  { what: "an archive that is too long", value: { archive: { ...offer.archive, length: BUNDLE_BYTES_MAX + 1 } } },
  { what: "a group with a slash", value: { group: "all/x" } },
  { what: "too many sentinels", value: { sentinels: Array.from({ length: SENTINELS_MAX + 1 }, () => "cam-1") } },
  { what: "a transfer id that is too short", value: { transfer: "0123" } },
];
for (const { what, value } of refused) {
  t.test(`${what} is refused`, async (t) =>
    t.throws(() => decodeTransferOffer(encodeCbor({ ...offer, ...value })), { code: "SCHEMA" }),
  );
}
