import { print, width } from "./output.ts";

/** A picture on a terminal that is drawn again in its place. */
export function redrawing(): { readonly show: (text: string) => void } {
  let drawnLines = 0;
  return {
    show: (text) => {
      // Up to where the last picture began, and everything below cleared.
      if (drawnLines > 0) process.stdout.write(`\u001b[${drawnLines}A\u001b[J`);
      print(text);
      drawnLines = linesOnScreen(text, process.stdout.columns);
    },
  };
}

function linesOnScreen(text: string, columns: number): number {
  return text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
}
