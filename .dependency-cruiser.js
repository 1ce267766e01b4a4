/** The import rules of docs/ARCHITECTURE.md, as a check. @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "protocol-is-the-contract",
      comment: "protocol/ imports neither side, nor common/.",
      severity: "error",
      from: { path: "^protocol/" },
      to: { path: "^(agent|controller|common|test|scripts|examples)/" },
    },
    {
      name: "protocol-is-pure",
      comment: "protocol/ does no I/O: of Node's modules it may use only those that compute.",
      severity: "error",
      from: { path: "^protocol/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|buffer)$" },
    },
    {
      name: "processing-is-shared",
      comment: "common/processing/ is what both programs do with pictures, sounds and outputs: it knows neither.",
      severity: "error",
      from: { path: "^common/processing/" },
      to: { path: "^(agent|controller|test|scripts|examples)/" },
    },
    {
      name: "agent-never-imports-controller",
      severity: "error",
      from: { path: "^agent/" },
      to: { path: "^(controller|test|scripts|examples)/" },
    },
    {
      name: "controller-never-imports-agent",
      severity: "error",
      from: { path: "^controller/" },
      to: { path: "^(agent|test|scripts|examples)/" },
    },
    {
      name: "common-is-below-both",
      severity: "error",
      from: { path: "^common/(?!processing/)" },
      to: { path: "^(agent|controller|protocol|common/processing|test|scripts|examples)/" },
    },
    {
      name: "images-start-the-programs",
      comment: "firmware-images/ packs the programs: it knows where each begins, and nothing else of them.",
      severity: "error",
      from: { path: "^firmware-images/" },
      to: {
        path: "^(agent|controller|test|examples)/",
        pathNot:
          "^(agent|controller)/main\\.ts$|^agent/inference/runner/runner-main\\.ts$|^agent/processing/processor-main\\.ts$",
      },
    },
    {
      name: "programs-know-no-image",
      severity: "error",
      from: { path: "^(agent|controller|common|protocol)/" },
      to: { path: "^firmware-images/" },
    },
    {
      name: "only-main-knows-the-composition-root",
      severity: "error",
      from: {
        path: "^(agent|controller)/",
        pathNot: "^(agent|controller)/main\\.ts$|^controller/cli/up\\.ts$|^agent/cli/run\\.ts$",
      },
      to: { path: "^(agent/agent|controller/controller)\\.ts$" },
    },
    {
      name: "deciders-are-pure",
      comment: "Deciding code takes time, randomness and values as arguments: no Node module, no package.",
      severity: "error",
      from: {
        path: "[/-](transition|decide|plan|backoff|access|pace|policy|probe)\\.ts$",
        pathNot: "^scripts/",
      },
      to: { dependencyTypes: ["core", "npm"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js"], conditionNames: ["import", "node", "default"] },
  },
};
