import pc from "picocolors";

/** Tells a story on the terminal: a line for each step, with the figure that shows it held. */
export interface Teller {
  /** Runs one step; what it resolves to is printed as its figure. A step that throws ends the story. */
  readonly step: (title: string, run: () => Promise<string>) => Promise<void>;
  /** A line between steps: what is about to happen, or a command that the reader can run too. */
  readonly say: (text: string) => void;
  readonly stepsTold: () => number;
}

/** One step failed: the message has been printed, the story is over. */
export class StepFailed extends Error {}

export function openTeller(): Teller {
  let told = 0;
  return {
    step: async (title, run) => {
      const startedMs = performance.now();
      try {
        const figure = await run();
        told += 1;
        const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
        console.log(`${pc.green("✔")} ${title}: ${pc.bold(figure)} ${pc.dim(`(${seconds} s)`)}`);
      } catch (cause) {
        console.log(`${pc.red("✖")} ${title}: ${cause instanceof Error ? cause.message : String(cause)}`);
        throw new StepFailed(title, { cause });
      }
    },
    say: (text) => {
      console.log(pc.dim(text));
    },
    stepsTold: () => told,
  };
}

/** Holds a condition of a step: throws with what was expected. */
export function must(condition: boolean, expectation: string): asserts condition {
  if (!condition) throw new Error(`expected that ${expectation}`);
}
