import type { Progress } from '../../src/stack/progress.js';

/** As a shell reports a process that SIGINT ended. */
const INTERRUPTED = 130;

export interface Cleanup {
  /** Registers what undoes a step; what came last is undone first. */
  add(undo: () => Promise<unknown> | undefined): void;
  /** Undoes all that is left, once, also what follows a step that could not be undone. */
  run(): Promise<void>;
}

/** Undoes every step of a benchmark at its end, or when somebody ends it with Ctrl-C or SIGTERM. */
export function createCleanup(report: Progress): Cleanup {
  const steps: (() => Promise<unknown> | undefined)[] = [];
  const run = async (): Promise<void> => {
    for (let undo = steps.pop(); undo !== undefined; undo = steps.pop()) {
      try {
        await undo();
      } catch (error) {
        report(`Not cleaned up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  const onSignal = (): void => {
    report('Stopping');
    void run().then(() => process.exit(INTERRUPTED));
  };
  for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(event, onSignal);
  return { add: (undo) => void steps.push(undo), run };
}
