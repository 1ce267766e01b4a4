import eslint from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  globalIgnores(["node_modules/", ".node/", ".tap/", "dist/", "build/"]),
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "Named exports only: a name is the same everywhere." },
        { selector: "ExportAllDeclaration", message: "Import the file that defines a name." },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      // `using _slot = …` holds a resource for the length of a block.
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // TypeBox values and their static types share one name on purpose.
      "@typescript-eslint/no-redeclare": "off",
      // `while (!signal.aborted)` reads better than a helper that hides it; TypeScript narrows `aborted` wrongly across awaits.
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/consistent-type-definitions": ["error", "interface"],
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: "error",
    },
  },
  {
    // Runs in browsers.
    files: ["agent/serve/page/*.js"],
    languageOptions: {
      globals: Object.fromEntries(
        ["document", "fetch", "getSelection", "navigator", "performance", "setTimeout"].map((name) => [
          name,
          "readonly",
        ]),
      ),
    },
  },
  {
    files: ["examples/**/*.mjs"],
    languageOptions: {
      globals: Object.fromEntries(["Buffer", "URL", "console", "fetch", "process"].map((name) => [name, "readonly"])),
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // tap's assertions and subtests return promises that tap itself awaits.
      "@typescript-eslint/no-floating-promises": "off",
      "@typescript-eslint/require-await": "off",
    },
  },
);
