/** Whether the agent that runs can update itself, by what started it. Pure. */
import type { Refusal } from "../../protocol/trust/refusal.ts";

export type ProgramPlace =
  | {
      readonly kind: "versioned";
      /** With the launcher, the links and `versions/` in it. */
      readonly directory: string;
      /** The name in `versions/` of the one that runs. */
      readonly running: string;
    }
  | { readonly kind: "unsupported"; readonly refusal: Refusal };

export interface StartedBy {
  /** FERRY_AGENT_PROGRAM and FERRY_AGENT_RUNNING, as the launcher sets them. */
  readonly program: string | undefined;
  readonly running: string | undefined;
  /** The file that runs: of a packaged agent itself, of a checkout Node.js. */
  readonly executable: string;
}

/** Where packages of the system put programs: what lies there is theirs to replace. */
const OF_PACKAGES = ["/usr/lib/", "/usr/bin/", "/usr/share/"];

export function programPlace({ program, running, executable }: StartedBy): ProgramPlace {
  if (program !== undefined && running !== undefined && isVersionName(running)) {
    return { kind: "versioned", directory: program, running };
  }
  return { kind: "unsupported", refusal: { code: "agent-unsupported", message: whyNot(executable) } };
}

function whyNot(executable: string): string {
  if (OF_PACKAGES.some((folder) => executable.startsWith(folder)) && !executable.endsWith("/node")) {
    return "This agent was installed by a package of its system: update the package (apt upgrade), or install it with `ferry-agent install --systemd`, which lets it update itself";
  }
  if (executable.endsWith("/node")) {
    return "This agent runs from a source checkout: update the checkout, or install a packaged agent with `ferry-agent install --systemd`, which lets it update itself";
  }
  return "This agent was not started by its launcher: install it with `ferry-agent install --systemd`, which lets it update itself; in a container, replace the image";
}

/** `<version>-<first 16 digits of the statement>`, or of its files where nobody signed it: no path, and no surprise. */
export function versionName(version: string, digest: string): string {
  return `${version}-${digest.slice(0, 16)}`;
}

export function isVersionName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}-[0-9a-f]{16}$/.test(text);
}
