import type { Progress } from '../../src/local-stack/tools.js';

/** As a shell reports a process that SIGINT ended. */
const INTERRUPTED = 130;

type Undo = () => Promise<unknown> | undefined;

export interface Cleanup {
  /** Registers what undoes a step; what came last is undone first. */
  add(undo: Undo): void;
  /** Undoes all that is left, once, also what follows a step that could not be undone. */
  run(): Promise<void>;
}

/** Undoes every step of a benchmark when it ends, or when it is stopped with Ctrl-C or SIGTERM. */
export function createCleanup(report: Progress): Cleanup {
  const steps: Undo[] = [];
  let running: Promise<void> | undefined;
  const undoAll = async (): Promise<void> => {
    for (let undo = steps.pop(); undo !== undefined; undo = steps.pop()) {
      try {
        await undo();
      } catch (error) {
        report(`Not cleaned up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  // Once: after a signal the work fails for want of its servers, and its own end must wait for this one.
  const run = (): Promise<void> => (running ??= undoAll());
  const onSignal = (): void => {
    report('Stopping');
    void run().then(() => process.exit(INTERRUPTED));
  };
  for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(event, onSignal);
  return {
    add(undo) {
      steps.push(undo);
      // What was still starting when everything was undone.
      if (running !== undefined) running = running.then(undoAll);
    },
    run,
  };
}
