import { setTimeout as pause } from 'node:timers/promises';
import type { Progress } from './tools.js';

/** A process that was started, from the moment it exists. */
export interface Started {
  readonly pid: number;
  /** Resolves when the process is gone, with how it ended: `SIGKILL`, `code 1`. Never rejects. */
  readonly ended: Promise<string>;
  /** Asks it to end, kills it after a while, resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends it at once; waits for nothing. */
  kill(): void;
}

/** Something that must run. */
export interface Unit<T extends Started = Started> {
  readonly name: string;
  spawn(): Promise<T>;
  /** Resolves once it can be used; rejects when it ends before, or takes too long. */
  waitUntilReady(started: T): Promise<void>;
}

export interface SuperviseOptions {
  readonly report: Progress;
  /** Ends the supervision, also while the first start is under way. */
  readonly signal?: AbortSignal;
  /** Called for every process the moment it exists. */
  readonly onSpawn?: (started: Started) => Promise<void>;
  /** Called when a process that replaces another is ready. */
  readonly onRestart?: () => Promise<void>;
  readonly backOff?: BackOff;
}

/** Pauses between two starts that both failed. */
interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
}

const BACK_OFF: BackOff = {
  // The cause may be gone already, such as a port that its last owner still held.
  firstMs: 200,
  // One that cannot start costs a few seconds of CPU each time, and its cause may be gone any moment: never give up.
  maxMs: 5_000,
};

/** Keeps one thing running. */
export interface Supervisor {
  /** Of the process that was started last. */
  readonly pid: number;
  /** Ends the process and starts it no more. */
  stop(): Promise<void>;
}

/**
 * Starts a unit, waits until it is ready and from then on starts it again whenever it ends: at once, however often that happens,
 * because what has been ready can start. Only a start that fails is followed by a pause, which grows.
 * @throws what the unit throws when its first start fails; a process that was started is gone then
 */
export async function supervise<T extends Started>(unit: Unit<T>, options: SuperviseOptions): Promise<Supervisor> {
  const { report, onSpawn, onRestart, backOff = BACK_OFF } = options;
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ...(options.signal === undefined ? [] : [options.signal])]);

  const bringUp = async (): Promise<T> => {
    signal.throwIfAborted();
    const started = await unit.spawn();
    const onStop = (): void => void started.stop();
    signal.addEventListener('abort', onStop, { once: true });
    try {
      await onSpawn?.(started);
      signal.throwIfAborted();
      await unit.waitUntilReady(started);
      signal.throwIfAborted();
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    } finally {
      signal.removeEventListener('abort', onStop);
    }
  };

  let current = await bringUp();

  /** Tries until it has a process that is ready. */
  const replace = async (): Promise<void> => {
    for (let pauseMs = backOff.firstMs; ; pauseMs = Math.min(pauseMs * 2, backOff.maxMs)) {
      try {
        current = await bringUp();
        return;
      } catch (error) {
        signal.throwIfAborted();
        report(`${unit.name} could not be started, next try in ${pauseMs / 1000} s: ${firstLine(error)}`);
      }
      await pause(pauseMs, undefined, { signal });
    }
  };

  const watch = async (): Promise<void> => {
    for (;;) {
      const how = await current.ended;
      if (signal.aborted) return;
      report(`${unit.name} ended (${how}), starting it again`);
      await replace();
      report(`${unit.name} runs again (process ${current.pid})`);
      await onRestart?.().catch((error: unknown) => {
        report(`The restart of ${unit.name} could not be noted: ${firstLine(error)}`);
      });
    }
  };
  // What ends the loop is the signal; whatever else could, must not leave the terminal without a word.
  const watching = watch().catch((error: unknown) => {
    if (!signal.aborted) report(`${unit.name} is not watched any more: ${firstLine(error)}`);
  });

  return {
    get pid() {
      return current.pid;
    },
    async stop() {
      stopping.abort();
      await current.stop();
      await watching;
    },
  };
}

/** The rest is the end of a log, whose file the first line names. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
