import type { BenchClient } from '../contenders/bench-client.js';
import { postRun, untilFinished } from '../contenders/service-load.js';

export interface Load {
  /** The import that runs now. */
  current(): string;
  /** No further import is begun. Resolves when the last one has ended. */
  stop(): Promise<void>;
}

const BYTES = 16 * 1024;
const POLL_MS = 500;
const WITHIN_MS = 600_000;

/** Keeps an import of so many items running: as one ends the next one is posted. Resolves when the first one is accepted. */
export async function keepBusy(client: BenchClient, origin: string, items: number, name: string): Promise<Load> {
  const stopping = new AbortController();
  let number = 0;
  const next = async (): Promise<string> => {
    number += 1;
    const { importIds } = await postRun(client, origin, { name: `${name}-${number}`, items, bytes: BYTES });
    return importIds.at(-1) ?? '';
  };
  let id = await next();
  const running = (async () => {
    for (;;) {
      await untilFinished(client, id, POLL_MS, WITHIN_MS);
      if (stopping.signal.aborted) return;
      id = await next();
    }
  })();
  running.catch(() => undefined);
  return {
    current: () => id,
    stop() {
      stopping.abort();
      return running;
    },
  };
}
