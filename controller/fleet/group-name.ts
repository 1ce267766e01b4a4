import { Type } from "typebox";

const PATTERN = "^[a-z0-9][a-z0-9-]{0,62}$";

/** A saved selector is called by this name: `@oslo-cameras`. */
export const GroupName = Type.String({ pattern: PATTERN });

const pattern = new RegExp(PATTERN);

export function isGroupName(text: string): boolean {
  return pattern.test(text);
}
