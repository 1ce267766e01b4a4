import { width } from "./output.ts";

/** What it is drawn on; a terminal is one. */
interface Terminal {
  readonly columns: number;
  readonly write: (text: string) => unknown;
}

/** A picture on a terminal that is drawn again in its place. */
export function redrawing(screen: Terminal = process.stdout): { readonly show: (text: string) => void } {
  let drawnLines = 0;
  return {
    show: (text) => {
      // Up to where the last picture began, and everything below cleared.
      if (drawnLines > 0) screen.write(`\u001b[${drawnLines}A\u001b[J`);
      screen.write(`${text}\n`);
      drawnLines = linesOnScreen(text, screen.columns);
    },
  };
}

function linesOnScreen(text: string, columns: number): number {
  return text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
}
