/** Vectors of our own, made fresh: what an attacker makes of a good signature, in the form of Project Wycheproof. */
import { generateKeyPairSync, sign } from "node:crypto";

export type Curve = "P-256" | "P-384" | "P-521";

interface CurveFacts {
  readonly sha: string;
  /** The order of the curve's group: SEC 2, 2.4.2, 2.5.1, 2.6.1. */
  readonly order: bigint;
  readonly numberBytes: number;
}

export const CURVES: Readonly<Record<Curve, CurveFacts>> = {
  "P-256": {
    sha: "SHA-256",
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    numberBytes: 32,
  },
  "P-384": {
    sha: "SHA-384",
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    numberBytes: 48,
  },
  "P-521": {
    sha: "SHA-512",
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    numberBytes: 66,
  },
};

interface Vector {
  readonly comment: string;
  readonly sig: Buffer;
  readonly isValid: boolean;
}

export function hostileSignatures(curve: Curve): unknown {
  const { sha, order, numberBytes } = CURVES[curve];
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const message = Buffer.from("a statement");
  const hash = sha.replace("-", "").toLowerCase();
  const raw = sign(hash, message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const [r, s] = [raw.subarray(0, numberBytes), raw.subarray(numberBytes)].map((part) =>
    BigInt(`0x${part.toString("hex")}`),
  );
  if (r === undefined || s === undefined) throw new Error("a signature has two numbers");
  const other = sign(hash, Buffer.from("another statement"), privateKey);
  const vectors = [...encodings(r, s), ...numbers(r, s, order), ...strangers(raw, other)];
  return group("EcdsaVerify", { publicKey, sha, message, vectors });
}

/** Of P-256 alone: the form in which PKCS #11 and most KMS give signatures. */
export function hostileRawSignatures(): unknown {
  const { sha, order } = CURVES["P-256"];
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const message = Buffer.from("a statement");
  const raw = sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const number = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex");
  const [r, s] = [raw.subarray(0, 32), raw.subarray(32)];
  const vectors = [
    { comment: "as it was made", sig: raw, isValid: true },
    { comment: "a zero before r", sig: Buffer.concat([Buffer.of(0), raw]), isValid: false },
    { comment: "cut short", sig: raw.subarray(0, 63), isValid: false },
    { comment: "nothing", sig: Buffer.alloc(0), isValid: false },
    { comment: "r and s exchanged", sig: Buffer.concat([s, r]), isValid: false },
    { comment: "r is 0", sig: Buffer.concat([number(0n), s]), isValid: false },
    { comment: "s is 0", sig: Buffer.concat([r, number(0n)]), isValid: false },
    { comment: "both are 0", sig: Buffer.alloc(64), isValid: false },
    { comment: "r is the order", sig: Buffer.concat([number(order), s]), isValid: false },
    { comment: "all ones", sig: Buffer.alloc(64, 0xff), isValid: false },
  ];
  return group("EcdsaP1363Verify", { publicKey, sha, message, vectors });
}

interface GroupParts {
  readonly publicKey: ReturnType<typeof generateKeyPairSync>["publicKey"];
  readonly sha: string;
  readonly message: Buffer;
  readonly vectors: readonly Vector[];
}

function group(type: string, { publicKey, sha, message, vectors }: GroupParts): unknown {
  const tests = vectors.map(({ comment, sig, isValid }, at) => ({
    tcId: at + 1,
    comment,
    msg: message.toString("hex"),
    sig: sig.toString("hex"),
    result: isValid ? "valid" : "invalid",
  }));
  return { testGroups: [{ type, publicKeyPem: publicKey.export({ type: "spki", format: "pem" }), sha, tests }] };
}

/** One signature, written in other ways than the one of DER. */
function encodings(r: bigint, s: bigint): Vector[] {
  const [first, second] = [integer(r), integer(s)];
  const content = Buffer.concat([first, second]);
  const bad = (comment: string, ...parts: readonly Buffer[]): Vector => ({
    comment,
    sig: Buffer.concat(parts),
    isValid: false,
  });
  return [
    { comment: "as it was made", sig: sequence(content), isValid: true },
    bad("a length in more bytes than it needs", Buffer.of(0x30, 0x82, 0, content.byteLength), content),
    bad("a length that is left open", Buffer.of(0x30, 0x80), content, Buffer.of(0, 0)),
    bad("a zero before r that it does not need", sequence(Buffer.concat([padded(first), second]))),
    bad("a zero before s that it does not need", sequence(Buffer.concat([first, padded(second)]))),
    bad("a byte after its end", sequence(content), Buffer.of(0)),
    bad("a byte within its end", sequence(Buffer.concat([content, Buffer.of(0)]))),
    bad("a third number", sequence(Buffer.concat([content, integer(1n)]))),
    bad("s is missing", sequence(first)),
    bad("no number", sequence(Buffer.alloc(0))),
    bad("nothing"),
    bad("numbers of another type", sequence(Buffer.concat([Buffer.of(0x04), first.subarray(1), second]))),
    bad("a set instead of a sequence", Buffer.of(0x31), sequence(content).subarray(1)),
    bad("cut short", sequence(content).subarray(0, -1)),
    bad("an empty number", sequence(Buffer.concat([Buffer.of(0x02, 0), second]))),
    bad("a length beyond its end", Buffer.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff), content),
  ];
}

/** Numbers that no signer makes. */
function numbers(r: bigint, s: bigint, order: bigint): Vector[] {
  const of = (comment: string, first: bigint, second: bigint, isValid = false): Vector => ({
    comment,
    sig: sequence(Buffer.concat([integer(first), integer(second)])),
    isValid,
  });
  return [
    of("r is 0", 0n, s),
    of("s is 0", r, 0n),
    of("both are 0", 0n, 0n),
    of("both are 1", 1n, 1n),
    of("r is the order", order, s),
    of("s is the order", r, order),
    of("the order more in r", r + order, s),
    of("the order more in s", r, s + order),
    of("r is negative", -r, s),
    of("s is negative", r, -s),
    of("r and s exchanged", s, r),
    of("r and s are the order", order, order),
    // The mirror of a signature holds as well: signatures are malleable, and so no identity of anything.
    of("the other s", r, order - s, true),
  ];
}

function strangers(raw: Buffer, other: Buffer): Vector[] {
  return [
    { comment: "of another message", sig: other, isValid: false },
    { comment: "raw numbers where DER is due", sig: raw, isValid: false },
  ];
}

/** DER, X.690 8.1.3 and 8.3: the shortest form, two's complement. */
function integer(value: bigint): Buffer {
  let bytes = 1;
  while (BigInt.asIntN(bytes * 8, value) !== value) bytes += 1;
  const content = Buffer.from(
    BigInt.asUintN(bytes * 8, value)
      .toString(16)
      .padStart(bytes * 2, "0"),
    "hex",
  );
  return Buffer.concat([Buffer.of(0x02, bytes), content]);
}

function padded(number: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x02, (number[1] ?? 0) + 1, 0), number.subarray(2)]);
}

function sequence(content: Buffer): Buffer {
  const length = content.byteLength < 0x80 ? [content.byteLength] : [0x81, content.byteLength];
  return Buffer.concat([Buffer.of(0x30, ...length), content]);
}
