/** Ends a switch over a tagged union: the compiler proves that nothing arrives here. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
