/** Whether a version of the agent may be started on this device, by what it says of itself. Pure. */
import { Type, type Static } from "typebox";
import type { AgentBuild } from "../../protocol/bundle/agent-part.ts";
import { gate } from "../../protocol/schema.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";

/** How many steps of each database's schema a program knows. */
export const Schemas = Type.Object({
  state: Type.Integer({ minimum: 0 }),
  telemetry: Type.Integer({ minimum: 0 }),
});
export type Schemas = Static<typeof Schemas>;

/** `ferry-agent version -o json`. */
export const ProgramVersion = Type.Object({ version: Type.String({ maxLength: 64 }), schemas: Schemas });
export type ProgramVersion = Static<typeof ProgramVersion>;

/** Throws ProtocolError. */
export const checkProgramVersion = gate("ferry-agent version", ProgramVersion);

/** `ferry-agent self-test`, of this version or of another. */
const SelfTestAnswer = Type.Object({
  checks: Type.Record(
    Type.String({ maxLength: 64 }),
    Type.Object({ ok: Type.Boolean(), error: Type.Optional(Type.String()), hint: Type.Optional(Type.String()) }),
  ),
});
export type SelfTestAnswer = Static<typeof SelfTestAnswer>;

/** Throws ProtocolError. */
export const checkSelfTest = gate("ferry-agent self-test", SelfTestAnswer);

/** The build for this device; or why there is none. */
export function buildFor(
  builds: readonly AgentBuild[],
  device: { readonly hardwareClasses: readonly string[]; readonly glibc: string | undefined },
): AgentBuild | Refusal {
  const build = builds.find(({ hardware }) => device.hardwareClasses.includes(hardware));
  if (build === undefined) {
    const there = builds.map(({ hardware }) => hardware).join(", ");
    const message = `The bundle has builds for ${there}; this device is ${device.hardwareClasses.join(", ")}`;
    return { code: "bundle-incompatible", message };
  }
  if (build.glibc !== undefined && device.glibc !== undefined && isOlder(device.glibc, build.glibc)) {
    const message = `It needs glibc ${build.glibc} or newer; this device has ${device.glibc}. Update its system first`;
    return { code: "bundle-incompatible", message };
  }
  return build;
}

export function isBuild(found: AgentBuild | Refusal): found is AgentBuild {
  return "hardware" in found;
}

/** Undefined where it may be started. */
export function startRefusal(label: string, said: ProgramVersion, here: Schemas): Refusal | undefined {
  if (said.version !== label) {
    return { code: "agent-start", message: `The program calls itself ${said.version}, its bundle calls it ${label}` };
  }
  const databases = [
    ["state.db", said.schemas.state, here.state],
    ["telemetry.db", said.schemas.telemetry, here.telemetry],
  ] as const;
  const lower = databases.find(([, knows, is]) => knows < is);
  if (lower === undefined) return undefined;
  const [file, knows, is] = lower;
  const message = `${label} knows ${file} up to schema ${knows}, and this device's has schema ${is}: it could not open it. Take a version that can, or empty the device and join again`;
  return { code: "agent-schema", message };
}

/** Undefined where every check holds. */
export function selfTestRefusal({ checks }: SelfTestAnswer): Refusal | undefined {
  const failed = Object.entries(checks).filter(([, { ok }]) => !ok);
  if (failed.length === 0) return undefined;
  const said = failed.map(([name, { error = "it does not say why" }]) => `${name}: ${error}`).join("; ");
  return { code: "agent-start", message: `Its self-test fails on this device: ${said}`.slice(0, 1_000) };
}

function isOlder(version: string, wanted: string): boolean {
  const [[major = 0, minor = 0] = [], [wantedMajor = 0, wantedMinor = 0] = []] = [version, wanted].map((text) =>
    text.split(".").map(Number),
  );
  return major !== wantedMajor ? major < wantedMajor : minor < wantedMinor;
}
