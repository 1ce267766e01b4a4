import { Type } from "typebox";

/** A path inside a bundle, `/` between segments. What it must not contain is checked by `bundle-path.ts`. */
export const BundlePathText = Type.String({ minLength: 1, maxLength: 512 });
