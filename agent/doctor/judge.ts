/** What each gathered fact means for an agent on this device. Pure: the present time is one of the facts. */
import { fail, ok, warn, type Check } from "./check.ts";
import type { BrokerStep, DoctorFacts, FileFact } from "./facts.ts";

/** Linux 4.18, of 2018: the oldest under which Node.js 24 is built. */
const KERNEL_MIN = "4.18";
/** Of the SQLite library that comes with the agent; Debian 12, Ubuntu 22.04, Raspberry Pi OS 12, JetPack 6 are newer. */
const GLIBC_MIN = "2.34";
/** The agent itself, and one small model beside it. */
const MEMORY_FAIL_BYTES = 150_000_000;
const MEMORY_WARN_BYTES = 400_000_000;
/** What updates keep free beside a bundle, and room for a small one. */
const DISK_FAIL_BYTES = 67_108_864;
const DISK_WARN_BYTES = 500_000_000;
/** Each change of the state waits for the disk: a worn memory card is felt in every update. */
const FSYNC_WARN_MS = 500;
/** Of the controller's clock: certificates and deployments are valid from a moment on. */
const CLOCK_WARN_MS = 300_000;
const DAY_MS = 86_400_000;
/** Renewal begins 30 days before the end, so what is nearer to it has failed for a while. */
const CERTIFICATE_WARN_DAYS = 20;

export function judge(facts: DoctorFacts): readonly Check[] {
  return [
    judgeKernel(facts),
    judgeGlibc(facts),
    judgeMemory(facts),
    judgeControlGroup(facts),
    judgeProviders(facts),
    judgeDisk(facts),
    ...judgeFiles(facts),
    ...judgeDatabases(facts),
    judgeConfig(facts),
    judgeClock(facts),
    judgeCertificate(facts),
    judgeBroker(facts),
    judgeUpdates(facts),
  ];
}

function judgeKernel({ kernel }: DoctorFacts): Check {
  const found = `Linux ${kernel.release} on ${kernel.arch}`;
  if (kernel.platform !== "linux" || !["x64", "arm64"].includes(kernel.arch)) {
    return fail("kernel", `${kernel.platform} on ${kernel.arch}`, "The agent runs on Linux, x64 or arm64, 64-bit.");
  }
  if (!isOlder(kernel.release, KERNEL_MIN)) return ok("kernel", found);
  return fail("kernel", found, `Node.js needs Linux ${KERNEL_MIN} or newer: update the system.`);
}

function judgeGlibc({ glibc }: DoctorFacts): Check {
  if (glibc === undefined) {
    return warn(
      "glibc",
      "the C library is not glibc",
      "Native libraries of the agent are built for glibc 2.34 or newer.",
    );
  }
  if (!isOlder(glibc, GLIBC_MIN)) return ok("glibc", glibc);
  const todo = "Use a system with a newer one: Debian 12, Ubuntu 22.04, Raspberry Pi OS 12, JetPack 6.";
  return fail("glibc", `${glibc}; ${GLIBC_MIN} is needed`, todo);
}

function judgeMemory({ memory: { totalBytes, availableBytes } }: DoctorFacts): Check {
  if (availableBytes === undefined) {
    return warn("memory", `${megabytes(totalBytes)} in all; what is free cannot be read`, "Is /proc mounted?");
  }
  const found = `${megabytes(availableBytes)} of ${megabytes(totalBytes)} available`;
  if (availableBytes < MEMORY_FAIL_BYTES) {
    return fail(
      "memory",
      found,
      "Too little for the agent and a model: end other programs, or raise the limit of the service.",
    );
  }
  if (availableBytes >= MEMORY_WARN_BYTES) return ok("memory", found);
  return warn(
    "memory",
    found,
    "Small models only; an update unloads the old version first, and requests wait meanwhile.",
  );
}

function judgeControlGroup({ controlGroup }: DoctorFacts): Check {
  if (controlGroup === undefined) {
    const todo = "The memory of runners is watched instead. On a Raspberry Pi: cgroup_enable=memory in cmdline.txt.";
    return warn("cgroup", "no control group for memory", todo);
  }
  return ok("cgroup", `version ${controlGroup.version}, ${controlGroup.path}`);
}

function judgeProviders({ providers }: DoctorFacts): Check {
  if (providers.kind === "unknown") {
    return fail(
      "providers",
      providers.why,
      "Install the agent again; FERRY_ORT_PATH, where set, names another onnxruntime.",
    );
  }
  const { working, failed } = providers.value;
  if (failed.length === 0) return ok("providers", working.join(", "));
  // Most devices have no graphics card, and nothing is wrong with them.
  const names = failed.map(({ provider }) => provider).join(", ");
  const more = failed.map(({ provider, why }) => `${provider}: ${why}`);
  return { ...ok("providers", `${working.join(", ")}; not here: ${names}`), more };
}

function judgeDisk({ disk }: DoctorFacts): Check {
  if (disk.kind === "unknown") {
    return fail(
      "disk",
      disk.why,
      "The agent must own its folder and be able to write to it: check owner, mode and mount.",
    );
  }
  const { freeBytes, syncMs, path } = disk.value;
  const found = `${path}: ${megabytes(freeBytes)} free, a write is on the disk after ${Math.round(syncMs)} ms`;
  if (freeBytes < DISK_FAIL_BYTES) return fail("disk", found, "No model can be installed: free some space.");
  if (freeBytes < DISK_WARN_BYTES) return warn("disk", found, "Room for small models only: free some space.");
  if (syncMs <= FSYNC_WARN_MS) return ok("disk", found);
  return warn("disk", found, "The disk is slow, or worn: updates take long. Consider another memory card.");
}

function judgeFiles({ files }: DoctorFacts): Check[] {
  const wrong = files.flatMap((file) => {
    const mistake = fileMistake(file);
    return mistake === undefined ? [] : [mistake];
  });
  if (wrong.length > 0) return wrong;
  return [ok("permissions", files.length === 0 ? "nothing is there yet" : "of the folder, the key and the tokens")];
}

function fileMistake({ path, mode, isReadable, isSecret, ownerId, folderOwnerId }: FileFact): Check | undefined {
  if (!isReadable) {
    return fail(
      "permissions",
      `${path} cannot be read by this user`,
      "Run this as the user of the agent, or give it the file.",
    );
  }
  // What root did in the service's folder, the service cannot undo.
  if (ownerId !== folderOwnerId) {
    const found = `${path} belongs to user ${String(ownerId)}, and the agent's folder to user ${String(folderOwnerId)}`;
    return fail(
      "permissions",
      found,
      `The agent runs as the owner of its folder: chown ${String(folderOwnerId)} ${path}`,
    );
  }
  if (!isSecret || (mode & 0o077) === 0) return undefined;
  const octal = (mode & 0o777).toString(8);
  return fail("permissions", `${path} can be read by others (mode ${octal})`, `chmod 600 ${path}`);
}

function judgeDatabases({ databases }: DoctorFacts): Check[] {
  return databases.map(({ path, verdict }) => {
    switch (verdict.kind) {
      case "sound":
        return ok("database", `${path} is sound`);
      case "in-use":
        return ok("database", `${path} is in use by the agent, which looked at it when it started`);
      case "damaged":
        return fail(
          "database",
          `${path} is damaged: ${verdict.why}`,
          "The agent moves it aside at its next start and goes on from its copy, or anew; check the disk.",
        );
    }
  });
}

function judgeConfig({ config }: DoctorFacts): Check {
  if (config.kind === "joined") return ok("joined", `${config.device} of fleet ${config.fleet}`);
  if (config.kind === "not-joined") {
    return warn(
      "joined",
      "this device has not joined a fleet",
      "ferry-agent join TOKEN --root-pin HEX (`ferry device invite` prints it)",
    );
  }
  return fail("joined", config.why, "Correct agent.json, or join again with --force.");
}

function judgeClock({ nowMs, floors, controllerMs }: DoctorFacts): Check {
  const now = new Date(nowMs).toISOString();
  const behind = floors.find(({ atMs }) => nowMs < atMs);
  if (behind !== undefined) {
    const than = `${new Date(behind.atMs).toISOString()} (${behind.what})`;
    return fail(
      "clock",
      `${now} is before ${than}`,
      "The clock is wrong: certificates do not count yet. Set it, or let NTP do so.",
    );
  }
  const apartMs = controllerMs === undefined ? 0 : Math.abs(nowMs - controllerMs);
  if (apartMs <= CLOCK_WARN_MS)
    return ok("clock", controllerMs === undefined ? now : `${now}, as the controller has it`);
  const todo =
    "Models are safe, the agent takes its time from signed answers; certificates and figures are not. Let NTP set it.";
  return warn("clock", `${Math.round(apartMs / 1_000)} s apart from the controller`, todo);
}

function judgeCertificate({ nowMs, certificate, config }: DoctorFacts): Check {
  if (certificate.kind === "none") {
    return config.kind === "joined"
      ? warn(
          "certificate",
          "none: the broker is spoken to without protection",
          "For this machine only; join with a token elsewhere.",
        )
      : ok("certificate", "none yet: joining brings it");
  }
  if (certificate.kind === "unusable") {
    return fail("certificate", certificate.why, "Join again: ferry-agent join TOKEN --root-pin HEX --force");
  }
  const { fromMs, untilMs } = certificate;
  const until = new Date(untilMs).toISOString();
  if (nowMs < fromMs) return fail("certificate", `valid only from ${new Date(fromMs).toISOString()}`, "Set the clock.");
  if (nowMs >= untilMs) {
    return fail(
      "certificate",
      `ended at ${until}`,
      "Within 30 days the agent still renews it by itself once it reaches the controller; after that: ferry device renew, there.",
    );
  }
  const days = Math.floor((untilMs - nowMs) / DAY_MS);
  if (days >= CERTIFICATE_WARN_DAYS) return ok("certificate", `valid until ${until}, ${String(days)} days`);
  return warn(
    "certificate",
    `ends in ${String(days)} days, and was not renewed`,
    "Can this device reach the controller's enrolment port?",
  );
}

const STEP_TODO: Readonly<Record<BrokerStep, string>> = {
  dns: "Is the network up, and its name server right? Try an address instead of the name.",
  tcp: "Does the broker run, and let a firewall its port through?",
  tls: "Something else than a broker with TLS answers there, or something between here and it interferes: is the port right?",
  "tls-name":
    "The broker's certificate is for other names: use one of those in agent.json, or let the broker's certificate name this one (`ferry up --mqtt-host`).",
  "tls-authority":
    "It is not the broker of this fleet, or ca.crt.pem is not its CA any more: compare with `ferry ca show` there; join again with --force.",
  "tls-time":
    "By this device's clock the broker's certificate is not valid: set the clock; where it is right, restart the broker.",
  "tls-device":
    "The broker does not take this device's certificate: is it revoked (`ferry device list`), has it ended, is the broker's clock right? `ferry device renew`, there.",
  mqtt: "The broker refuses this device: was it revoked (`ferry device list`), or is its name taken?",
};

function judgeBroker(facts: DoctorFacts): Check {
  const { broker } = facts;
  switch (broker.kind) {
    case "none":
      return ok("broker", "none yet: joining names it");
    case "running":
      return broker.connected
        ? ok("broker", `${broker.url}: the agent that runs is connected`)
        : fail(
            "broker",
            `${broker.url}: the agent that runs is not connected`,
            "It tries again by itself. Stop it and run this again to see which step fails.",
          );
    case "reached":
      return ok("broker", `${broker.url}: name, connection, ${broker.isProtected ? "certificate" : "no TLS"}, MQTT`);
    case "failed":
      return fail(
        "broker",
        `${broker.url}: ${stepName(broker.step)} failed: ${broker.why}`,
        todoOf(broker.step, facts),
      );
  }
}

function todoOf(step: BrokerStep, facts: DoctorFacts): string {
  const isRefused = step === "mqtt" || step === "tls-device";
  if (!isRefused || judgeCertificate(facts).verdict !== "fail") return STEP_TODO[step];
  return "The broker does not take this device's certificate, with which something is wrong: see its own line.";
}

function stepName(step: BrokerStep): string {
  return step.split("-", 1)[0]?.toUpperCase() ?? step;
}

function judgeUpdates({ selfUpdate }: DoctorFacts): Check {
  return selfUpdate === undefined
    ? ok("self-update", "the controller can give this agent another version")
    : ok("self-update", `not here. ${selfUpdate}`);
}

function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${String(Math.floor(bytes / 1e6))} MB`;
}

/** By major and minor number. */
function isOlder(version: string, wanted: string): boolean {
  const [[major = 0, minor = 0] = [], [wantedMajor = 0, wantedMinor = 0] = []] = [version, wanted].map((text) =>
    text.split(/[.-]/).slice(0, 2).map(Number),
  );
  return major !== wantedMajor ? major < wantedMajor : minor < wantedMinor;
}
