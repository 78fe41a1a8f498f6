import type { Run } from './contender.js';

/** What a contender's process does; it is kept from run to run, and so is what has become warm in it. */
export interface RunServer {
  run(run: Run): Promise<void>;
  close(): Promise<void>;
}

/** What the process tells its parent: it is ready, or a run has ended, well or not. */
export type RunReport = { readonly ready: true } | { readonly error: string | null };

/** The main function of a contender's process: settings are JSON in its first argument, runs come as messages. */
export async function serveRuns(start: () => Promise<RunServer>): Promise<void> {
  const server = await start();
  const tell = (report: RunReport): void => void process.send?.(report);
  process.on('message', (run) => {
    server.run(run as Run).then(
      () => {
        tell({ error: null });
      },
      (error: unknown) => {
        tell({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      },
    );
  });
  process.once('disconnect', () => {
    void server.close().finally(() => process.exit());
  });
  tell({ ready: true });
}
